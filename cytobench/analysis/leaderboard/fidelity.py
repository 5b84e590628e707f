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
    """The tables of a section's rows, each with its settings and a record a place.

    Rows that differ by their classifier alone have the same images, and are one.
    """
    tables: dict[tuple[object, ...], dict[tuple[str, ...], tuple[FidelityRow, Measured]]] = {}
    for settings, records in rows:
        done = [record for record in records if record.status == "done"]
        names = dict.fromkeys(_measured_by(one) for record in done for one in record.fidelity)
        for named in names:
            found = {
                replicate_of(record): one for record in done for one in record.fidelity if _measured_by(one) == named
            }
            counts = tuple((where, one.total.n_real, one.total.n_synthetic) for where, one in found.items())
            same = tables.setdefault((*named, counts), {})
            same.setdefault(tuple(one.key for one in found.values()), (_row(settings, records[0], found), found))
    return tuple(_table(list(same.values())) for same in tables.values())


def _measured_by(used: FidelityUsed) -> tuple[str, str, str]:
    """What figures must have in common to stand in one table."""
    return used.extractor.name, used.extractor.distribution, _digest(used)


def _row(settings: str, first: Record, found: Measured) -> FidelityRow:
    figures: dict[str, Aggregate | None] = {}
    for name in FIGURES:
        values = {where: getattr(one.total, name) for where, one in found.items()}
        figures[name] = _aggregated({where: None if one is None else one.value for where, one in values.items()})
    floors = {where: one.total.floor for where, one in found.items()}
    figures["floor_kid"] = _aggregated({where: None if one is None else one.kid for where, one in floors.items()})
    tested = {where: one.total.copying for where, one in found.items() if one.total.copying is not None}
    return FidelityRow(
        generator=first.generator.name if first.generator else "none",
        third_party=first.generator is not None and first.generator.distribution != BUILT_IN,
        shots=first.shots,
        n_synthetic=first.n_synthetic,
        settings=settings,
        aggregates=figures,
        copying={where: found_in(one) for where, one in tested.items()},
        near_copies=_aggregated({where: one.get("near_copies") for where, one in tested.items()}) if tested else None,
    )


def found_in(copying: Mapping[str, object]) -> bool | None:
    """Whether a test for copies, as a record keeps it, found any; None where it is not testable."""
    if not copying["testable"]:
        return None
    p = copying.get("p_holm", copying["p_value"])  # of one class, or the smallest of several
    return isinstance(p, float) and p <= LEVEL


def _table(rows: Sequence[tuple[FidelityRow, Measured]]) -> FidelityTable:
    measured = rows[0][1]
    first = next(iter(measured.values()))
    return FidelityTable(
        extractor=first.extractor.name,
        weights_digest=_digest(first),
        dimension=first.extractor.dimension,
        maker=Maker("extractor", first.extractor.distribution, first.extractor.version),
        counts={where: (one.total.n_real, one.total.n_synthetic) for where, one in measured.items()},
        rows=tuple(row for row, _ in rows),
    )


def _digest(used: FidelityUsed) -> str:
    return ",".join(weights.digest for weights in used.extractor.weights.values())


def _aggregated(values: Mapping[Replicate, float | None]) -> Aggregate | None:
    """Over all places; None if one lacks it, so that means are always of the same folds."""
    known = {where: value for where, value in values.items() if value is not None}
    return aggregate(known) if len(known) == len(values) else None
