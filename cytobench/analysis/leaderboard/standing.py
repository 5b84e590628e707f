"""Which ranked rows can be told from the best one, by the paired differences over folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cytobench.analysis.leaderboard.model import Replicate, Row, ScoreKey
from cytobench.analysis.outcomes import Cause, Reason, Standing, conclude, standing
from cytobench.metrics.metric import Metric
from cytobench.metrics.statistics.folds import FoldDifference, fold_difference
from cytobench.metrics.statistics.holm import holm
from cytobench.storage.records import Record


def split_ratio(record: Record) -> float | None:
    """n_test / n_train of a record's fold, of images of evaluated classes; None where counts are unknown.

    Real images are tested. Those trained on are the real ones, and where no real image trains the synthetic ones.
    Classes that are in training alone are the same in every fold: they do not make folds more independent.
    """
    train, test = (
        sum(record.splits.get(part, {}).get(label, 0) for label in record.evaluated) for part in ("train", "test")
    )
    if record.protocol.switches.get("synthetic_only"):
        train = _synthetic_trained_on(record)
    return test / train if train and test else None


def pair_ratio(a: Row, b: Row) -> float | None:
    """n_test / n_train of two rows compared, the larger one of two: the wider interval, whichever is named first."""
    return max((row.ratio for row in (a, b) if row.ratio is not None), default=None)


def _synthetic_trained_on(record: Record) -> int:
    """Synthetic images of evaluated classes in a fold's training part, where all of them have N."""
    made, folds = record.n_synthetic * len(record.evaluated), record.protocol.folds
    return made * (folds - 2) // folds if record.protocol.switches.get("pooled") else made


def by_seed(scores: Mapping[Replicate, float], other: Mapping[Replicate, float]) -> dict[int, list[float]]:
    """The differences ``scores`` - ``other`` where both have one, by seed, in order of folds."""
    differences: dict[int, list[float]] = {}
    for where in sorted(set(scores) & set(other)):
        differences.setdefault(where.seed, []).append(scores[where] - other[where])
    return differences


def compare_with_best(rows: Sequence[Row], by: ScoreKey, metric: Metric, pooled: bool) -> tuple[Row, ...]:
    """The rows, best ranked first, each ranked one with its standing beside the best row.

    The p-values of all ranked rows but the best are adjusted together (Holm), those of rows with equal predictions as
    one. The best was picked by the same figures, so that this is a caution against ranks that mean nothing, not a test
    of a hypothesis. Where the protocol pools, rows of another number of synthetic images have other test images and are
    never paired.
    """
    ranked = [row for row in rows if row.rank is not None]
    if not ranked:
        return tuple(rows)
    best, *others = ranked
    differences = [_difference(row, best, by, metric, pooled) for row in others]
    standings: dict[int, tuple[Standing, float | None]] = {id(best): (Standing.BEST, None)} if others else {}
    hypotheses = [row.same_as for row in others]
    adjusted = holm([None if difference is None else difference.p for difference in differences], hypotheses)
    for row, difference, p in zip(others, differences, adjusted, strict=True):
        obstacle = Reason(Cause.NEVER_PAIRED) if difference is None else None
        standings[id(row)] = standing(conclude(difference, metric, obstacle, p)), p
    return tuple(
        replace(row, standing=standings[id(row)][0], p_best=standings[id(row)][1]) if id(row) in standings else row
        for row in rows
    )


def _difference(row: Row, best: Row, by: ScoreKey, metric: Metric, pooled: bool) -> FoldDifference | None:
    """``row`` minus ``best`` over folds; None where the two have no test images or values in common."""
    differences = by_seed(row.values.get(by, {}), best.values.get(by, {}))
    ratio = pair_ratio(row, best)
    if ratio is None or not differences or (pooled and best.n_synthetic != row.n_synthetic):
        return None
    return fold_difference(differences, ratio, metric.span)
