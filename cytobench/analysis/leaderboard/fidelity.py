"""Fidelity beside the leaderboard: a table for each extractor and numbers of images, never one for several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cytobench.analysis.leaderboard.model import FidelityRow, FidelityTable, Figure, Maker, Place
from cytobench.analysis.leaderboard.rows import place, summarise
from cytobench.analysis.leaderboard.words import THIRD_PARTY
from cytobench.metrics.copying.model import LEVEL
from cytobench.plugins import BUILT_IN
from cytobench.storage.records import FidelityUsed, Record

FIGURES = ("kid", "fid", "precision", "recall")
HEADER = ("generator", "shots", "N", "KID", "KID, real halves", "FID", "precision", "recall", "copies of the shots")
_DIGITS = {"kid": 4, "floor_kid": 4, "fid": 2, "precision": 3, "recall": 3}

Measured = Mapping[Place, FidelityUsed]


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
                place(record): one
                for record in done
                for one in record.fidelity
                if _measured_by(one) == named
            }
            counts = tuple((where, one.total.n_real, one.total.n_synthetic) for where, one in found.items())
            same = tables.setdefault((*named, counts), {})
            same.setdefault(tuple(one.key for one in found.values()), (_row(settings, records[0], found), found))
    return tuple(_table(list(same.values())) for same in tables.values())


def _measured_by(used: FidelityUsed) -> tuple[str, str, str]:
    """What figures must have in common to stand in one table."""
    return used.extractor.name, used.extractor.distribution, _digest(used)


def title(table: FidelityTable) -> str:
    """What the figures of a table come from, with both numbers of images."""
    weights = f", weights {table.weights_digest[:12]}" if table.weights_digest else ""
    whose = "" if table.maker.built_in else f", third-party: {table.maker.distribution} {table.maker.version}"
    real, made = (_range(count[side] for count in table.counts.values()) for side in (0, 1))
    return (
        f"Fidelity by {table.extractor} ({table.dimension} features{weights}{whose}): {made} synthetic images against "
        f"{real} real test images{' a fold' if len(table.counts) > 1 else ''}"
    )


def lines(table: FidelityTable, plus_minus: str = "\N{PLUS-MINUS SIGN}") -> list[list[str]]:
    """The rows as texts, under :data:`HEADER`."""
    return [
        [
            row.generator + (THIRD_PARTY if row.third_party else "") + (f" ({row.settings})" if row.settings else ""),
            str(row.shots),
            str(row.n_synthetic),
            *(_text(row.figures[name], name, plus_minus) for name in ("kid", "floor_kid", *FIGURES[1:])),
            _copying(row),
        ]
        for row in table.rows
    ]


def _row(settings: str, first: Record, found: Measured) -> FidelityRow:
    figures: dict[str, Figure | None] = {}
    for name in FIGURES:
        values = {where: getattr(one.total, name) for where, one in found.items()}
        figures[name] = _summarised({where: None if one is None else one.value for where, one in values.items()})
    floors = {where: one.total.floor for where, one in found.items()}
    figures["floor_kid"] = _summarised({where: None if one is None else one.kid for where, one in floors.items()})
    tested = {where: one.total.copying for where, one in found.items() if one.total.copying is not None}
    return FidelityRow(
        generator=first.generator.name if first.generator else "none",
        third_party=first.generator is not None and first.generator.distribution != BUILT_IN,
        shots=first.shots,
        n_synthetic=first.n_synthetic,
        settings=settings,
        figures=figures,
        copying={where: found_in(one) for where, one in tested.items()},
        near_copies=_summarised({where: one.get("near_copies") for where, one in tested.items()}) if tested else None,
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


def _summarised(values: Mapping[Place, float | None]) -> Figure | None:
    """Over all places; None if one lacks it, so that means are always of the same folds."""
    known = {where: value for where, value in values.items() if value is not None}
    return summarise(known) if len(known) == len(values) else None


def _text(figure: Figure | None, name: str, plus_minus: str) -> str:
    if figure is None or figure.mean is None:
        return "too few"
    digits = _DIGITS[name]
    return f"{figure.mean:.{digits}f}" + ("" if figure.std is None else f"{plus_minus}{figure.std:.{digits}f}")


def _copying(row: FidelityRow) -> str:
    """What the test found; and near-copies in pixels, which it can miss for want of power, where there are any."""
    tested = [one for one in row.copying.values() if one is not None]
    near = row.near_copies.mean if row.near_copies else None
    pixels = f"; {near:.0%} near-copies in pixels" if near else ""
    if not tested:
        return ("not testable" if row.copying else "-") + pixels
    folds = f" in {sum(tested)} of {len(tested)} folds" if len(tested) > 1 else ""
    return (f"found{folds}" if any(tested) else "not found at this power") + pixels


def _range(counts: Iterable[int]) -> str:
    known = sorted(set(counts))
    return str(known[0]) if len(known) == 1 else f"{known[0]} to {known[-1]}"
