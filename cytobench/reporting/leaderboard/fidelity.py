"""Fidelity tables as texts."""

from __future__ import annotations

from collections.abc import Iterable

from cytobench.analysis.leaderboard.fidelity import FIGURES
from cytobench.analysis.leaderboard.model import Aggregate, FidelityRow, FidelityTable
from cytobench.reporting.words import THIRD_PARTY

HEADER = ("generator", "shots", "N", "KID", "KID, real halves", "FID", "precision", "recall", "copies of the shots")
_DIGITS = {"kid": 4, "floor_kid": 4, "fid": 2, "precision": 3, "recall": 3}


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
            *(_text(row.aggregates[name], name, plus_minus) for name in ("kid", "floor_kid", *FIGURES[1:])),
            _copying(row),
        ]
        for row in table.rows
    ]


def _text(figure: Aggregate | None, name: str, plus_minus: str) -> str:
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
