"""Fidelity beside a leaderboard: a table for each extractor and numbers of images."""

from __future__ import annotations

from collections.abc import Iterable

from cytobench.analysis.leaderboard.fidelity import FIGURES
from cytobench.analysis.leaderboard.model import Aggregate, FidelityRow, FidelityTable
from cytobench.reporting.tables import Column, Kind, Table, texts
from cytobench.reporting.words import THIRD_PARTY, aggregate_text

_DIGITS = {"kid": 4, "floor_kid": 4, "fid": 2, "precision": 3, "recall": 3}
_COLUMNS = (
    Column("generator"),
    *(Column(name, Kind.COUNT) for name in ("shots", "N")),
    *(Column(name, Kind.SCORE) for name in ("KID", "KID, real halves", "FID", "precision", "recall")),
    Column("copies of the shots"),
)


def fidelity_table(fidelity: FidelityTable) -> Table:
    """The rows under a title that says what the figures come from, with both numbers of images."""
    return texts(_COLUMNS, [_texts(row) for row in fidelity.rows], _title(fidelity), labels=3)


def _title(fidelity: FidelityTable) -> str:
    weights = f", weights {fidelity.weights_digest[:12]}" if fidelity.weights_digest else ""
    maker = fidelity.maker
    whose = "" if maker.built_in else f", third-party: {maker.distribution} {maker.version}"
    real, synthetic = (_range(count[side] for count in fidelity.counts.values()) for side in (0, 1))
    return (
        f"Fidelity by {fidelity.extractor} ({fidelity.dimension} features{weights}{whose}): {synthetic} synthetic "
        f"images against {real} real test images{' a fold' if len(fidelity.counts) > 1 else ''}"
    )


def _texts(row: FidelityRow) -> list[str]:
    settings = f" ({row.settings})" if row.settings else ""
    scores = [(row.aggregates[name], _DIGITS[name]) for name in ("kid", "floor_kid", *FIGURES[1:])]
    return [
        f"{row.generator}{THIRD_PARTY if row.third_party else ''}{settings}",
        "-" if row.tuned_elsewhere else str(row.shots),
        str(row.n_synthetic),
        *(_figure(score, digits) for score, digits in scores),
        _copying(row),
    ]


def _figure(score: Aggregate | None, digits: int) -> str:
    return "too few" if score is None or score.mean is None else aggregate_text(score, digits, seeds=False)


def _copying(row: FidelityRow) -> str:
    """Near-copies in pixels make it "copies found", whatever the permutation test says; then what that says."""
    tested = [copied for copied in row.copying.values() if copied is not None]
    near = row.near_copies.mean if row.near_copies else None
    pixels = f"copies found: {near:.1%} near-copies in pixels; " if near else ""
    if not tested:
        return pixels + ("not testable" if row.copying else "-")
    folds = f" in {sum(tested)} of {len(tested)} folds" if len(tested) > 1 else ""
    closer = f"closer to the shots than held-out images{folds}: memorised, or narrow"
    return pixels + (closer if any(tested) else "not found at this power")


def _range(counts: Iterable[int]) -> str:
    known = sorted(set(counts))
    return str(known[0]) if len(known) == 1 else f"{known[0]} to {known[-1]}"
