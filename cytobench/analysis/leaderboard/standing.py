"""Which ranked rows can be told from the best one, by the paired differences over folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cytobench.analysis.leaderboard.model import Cell, Place, Row
from cytobench.metrics.statistics.folds import fold_difference
from cytobench.metrics.statistics.holm import ALPHA, holm
from cytobench.storage.records import Record

BEST, ALIKE, BELOW, UNKNOWN = "best", "not distinguishable", "below", "not known"
"""What is said of a ranked row beside the best one."""


def split_ratio(record: Record) -> float | None:
    """n_test / n_train of a record's fold, of the real images of evaluated classes; None where counts are unknown.

    Classes that are in training alone are the same in every fold: they do not make folds more independent.
    """
    train, test = (
        sum(record.splits.get(part, {}).get(label, 0) for label in record.evaluated) for part in ("train", "test")
    )
    return test / train if train and test else None


def by_seed(mine: Mapping[Place, float], other: Mapping[Place, float]) -> dict[int, list[float]]:
    """The differences ``mine`` - ``other`` at the places of both, by seed, in order of folds."""
    found: dict[int, list[float]] = {}
    for where in sorted(set(mine) & set(other)):
        found.setdefault(where.seed, []).append(mine[where] - other[where])
    return found


def stand(rows: Sequence[Row], by: Cell, ratio: float | None, pooled: bool) -> tuple[Row, ...]:
    """The rows, best ranked first, each ranked one with its standing beside the best row.

    The p-values of all ranked rows but the best are adjusted together (Holm). The best was picked by the same figures,
    so that this is a caution against ranks that mean nothing, not a test of a hypothesis. Where the protocol pools,
    rows of another number of synthetic images have other test images and are never paired.
    """
    ranked = [row for row in rows if row.rank is not None]
    if not ranked:
        return tuple(rows)
    best = ranked[0]
    p = [_p(best, row, by, ratio, pooled) for row in ranked[1:]]
    found: dict[int, tuple[str, float | None]] = {id(best): (BEST, None)} if len(ranked) > 1 else {}
    for row, adjusted in zip(ranked[1:], holm(p), strict=True):
        standing = UNKNOWN if adjusted is None else BELOW if adjusted < ALPHA else ALIKE
        found[id(row)] = (standing, adjusted)
    return tuple(
        replace(row, standing=found[id(row)][0], p_best=found[id(row)][1]) if id(row) in found else row for row in rows
    )


def _p(best: Row, row: Row, by: Cell, ratio: float | None, pooled: bool) -> float | None:
    differences = by_seed(best.values.get(by, {}), row.values.get(by, {}))
    if ratio is None or not differences or (pooled and best.n_synthetic != row.n_synthetic):
        return None
    return fold_difference(differences, ratio).p
