"""Fidelity beside the leaderboard: a table for each extractor and numbers of images, never one for several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cytobench.analysis.leaderboard.model import Aggregate, FidelityRow, FidelityTable, Maker, Replicate
from cytobench.analysis.leaderboard.rows import aggregate, replicate_of
from cytobench.metrics.copying.model import LEVEL
from cytobench.plugins import BUILT_IN
from cytobench.storage.records import FidelityUsed, Record

FIGURES = ("kid", "fid", "precision", "recall")

Measured = Mapping[Replicate, FidelityUsed]


def fidelity_tables(rows: Iterable[tuple[str, Sequence[Record]]]) -> tuple[FidelityTable, ...]:
    """The tables of a section's rows, each with its settings and a record a replicate.

    Rows that differ by their classifier alone have the same images, and are one.
    """
    tables: dict[tuple[object, ...], dict[tuple[str, ...], tuple[FidelityRow, Measured]]] = {}
    for settings, records in rows:
        by_extractor: dict[tuple[str, str, str], dict[Replicate, FidelityUsed]] = {}
        for record in records:
            for used in record.fidelity if record.status == "done" else ():
                by_extractor.setdefault(_measured_by(used), {})[replicate_of(record)] = used
        for extractor, measured in by_extractor.items():
            counts = tuple((where, used.total.n_real, used.total.n_synthetic) for where, used in measured.items())
            row = _row(settings, records[0], measured), measured
            images = tuple(used.key for used in measured.values())
            tables.setdefault((*extractor, counts), {}).setdefault(images, row)
    return tuple(_table(list(same.values())) for same in tables.values())


def found_in(copying: Mapping[str, object]) -> bool | None:
    """Whether a permutation test, as a record keeps it, found images closer to the shots; None if not testable."""
    if not copying["testable"]:
        return None
    p = copying.get("p_holm", copying["p_value"])  # of one class, or the smallest of several
    return isinstance(p, float) and p <= LEVEL


def _measured_by(used: FidelityUsed) -> tuple[str, str, str]:
    """What figures must have in common to stand in one table."""
    return used.extractor.name, used.extractor.distribution, _digest(used)


def _row(settings: str, first: Record, measured: Measured) -> FidelityRow:
    aggregates: dict[str, Aggregate | None] = {}
    for name in FIGURES:
        figures = {where: getattr(used.total, name) for where, used in measured.items()}
        aggregates[name] = _aggregated({where: figure and figure.value for where, figure in figures.items()})
    floors = {where: used.total.floor for where, used in measured.items()}
    aggregates["floor_kid"] = _aggregated(
        {where: None if floor is None else floor.kid for where, floor in floors.items()}
    )
    tests = {where: used.total.copying for where, used in measured.items() if used.total.copying is not None}
    return FidelityRow(
        generator=first.generator.name if first.generator else "none",
        third_party=first.generator is not None and first.generator.distribution != BUILT_IN,
        shots=first.shots,
        tuned_elsewhere=first.made_elsewhere != "no" and first.shots > 0,
        n_synthetic=first.n_synthetic,
        settings=settings,
        aggregates=aggregates,
        copying={where: found_in(test) for where, test in tests.items()},
        near_copies=_aggregated({where: test.get("near_copies") for where, test in tests.items()}) if tests else None,
    )


def _table(rows: Sequence[tuple[FidelityRow, Measured]]) -> FidelityTable:
    measured = rows[0][1]
    first = next(iter(measured.values()))
    return FidelityTable(
        extractor=first.extractor.name,
        weights_digest=_digest(first),
        dimension=first.extractor.dimension,
        maker=Maker("extractor", first.extractor.distribution, first.extractor.version),
        counts={where: (used.total.n_real, used.total.n_synthetic) for where, used in measured.items()},
        rows=tuple(row for row, _ in rows),
    )


def _digest(used: FidelityUsed) -> str:
    return ",".join(weights.digest for weights in used.extractor.weights.values())


def _aggregated(values: Mapping[Replicate, float | None]) -> Aggregate | None:
    """Over all replicates; None if one lacks it, so that means are always of the same folds."""
    known = {where: value for where, value in values.items() if value is not None}
    return aggregate(known) if len(known) == len(values) else None
