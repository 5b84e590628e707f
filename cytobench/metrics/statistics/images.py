"""The difference of two rows over the images that both were tested on: bootstrap, permutation and McNemar.

What is drawn anew is a unit: an image, or a whole group (patient, slide) where groups are known. The trained models
stay as they are, so these say how sure a difference is on other images, not after another training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cytobench.metrics.statistics.folds import LEVEL

SEED = 0
"""Of the resamples: the same results give the same intervals."""
RESAMPLES = 2000
PERMUTATIONS = 4999
BATCH_CELLS = 4_000_000
"""Random numbers held at once."""

Counts = NDArray[np.float64]
"""(..., seeds, 3, classes): of each class the right predictions, the true images and the predictions."""
Score = Callable[[Counts], NDArray[np.float64]]


@dataclass(frozen=True)
class ImageDifference:
    """A difference of pooled scores, its 95 % percentile bootstrap interval, and the p of swapping rows by unit."""

    value: float
    low: float
    high: float
    p: float


def unit_counts(
    true: NDArray[np.integer],
    predicted: NDArray[np.integer],
    unit: NDArray[np.integer],
    seed: NDArray[np.integer],
    n_classes: int,
) -> Counts:
    """Counts of each unit, float64 (units, seeds, 3, classes), from n predictions.

    ``true`` and ``predicted`` are class numbers from 0, a prediction outside the evaluated classes is -1; ``unit`` and
    ``seed`` are numbers from 0 without gaps.
    """
    units, seeds = int(unit.max()) + 1, int(seed.max()) + 1
    everything = np.ones(len(true), dtype=np.bool_)
    parts = ((true, true == predicted), (true, everything), (predicted, predicted >= 0))
    counts = []
    for classes, rows in parts:
        place = ((unit * seeds + seed) * n_classes + classes)[rows]
        counts.append(np.bincount(place, minlength=units * seeds * n_classes).reshape(units, seeds, n_classes))
    return np.stack(counts, axis=2).astype(np.float64)


def accuracy(counts: Counts) -> NDArray[np.float64]:
    """Right predictions by images, averaged over seeds: (..., seeds, 3, classes) to (...)."""
    right, true = counts[..., 0, :].sum(-1), counts[..., 1, :].sum(-1)
    return np.asarray((right / np.maximum(true, 1)).mean(-1))


def f1_macro(counts: Counts) -> NDArray[np.float64]:
    """Macro F1 of the pooled images, 0 for a class neither there nor predicted, averaged over seeds."""
    denominator = counts[..., 1, :] + counts[..., 2, :]
    f1 = np.divide(2 * counts[..., 0, :], denominator, out=np.zeros_like(denominator), where=denominator > 0)
    return np.asarray(f1.mean(-1).mean(-1))


POOLED: Mapping[str, Score] = {"accuracy": accuracy, "f1_macro": f1_macro}
"""Metrics that can be had from counts of pooled images."""


def image_differences(
    a: Counts, b: Counts, scores: Mapping[str, Score], rng: np.random.Generator
) -> dict[str, ImageDifference]:
    """The difference a - b of each score, over the same resamples of units; ``a`` and ``b`` as :func:`unit_counts`.

    The interval is the percentile bootstrap (as ``scipy.stats.bootstrap`` with ``paired=True``, which cannot draw whole
    groups). The p is of a permutation test: a and b are swapped in random units; (1 + as far from 0) / (1 + draws).
    """
    resampled_a, resampled_b = _resampled(a, b, rng)
    swapped_a, swapped_b = _swapped(a, b, rng)
    differences = {}
    for name, score in scores.items():
        value = _difference(a, b, score)
        low, high = np.quantile(score(resampled_a) - score(resampled_b), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        p = _p_swapped(value, swapped_a, swapped_b, score)
        differences[name] = ImageDifference(value, float(low), float(high), p)
    return differences


def permutation_test(a: Counts, b: Counts, score: Score, rng: np.random.Generator) -> tuple[float, float]:
    """The difference a - b of a score and the p of swapping rows by unit, as :func:`image_differences` has it."""
    value = _difference(a, b, score)
    return value, _p_swapped(value, *_swapped(a, b, rng), score)


def _difference(a: Counts, b: Counts, score: Score) -> float:
    return float(score(a.sum(0)) - score(b.sum(0)))


def _p_swapped(value: float, a: Counts, b: Counts, score: Score) -> float:
    # A swap of everything gives the value itself with the other sign; rounding must not make it smaller.
    further = np.abs(score(a) - score(b)) >= abs(value) - 1e-12
    return (1 + int(further.sum())) / (1 + len(further))


def mcnemar_exact(a_right: NDArray[np.bool_], b_right: NDArray[np.bool_]) -> tuple[list[list[int]], float]:
    """McNemar's table ``[[both right, only a], [only b, neither]]`` of n images, and its exact p (statsmodels)."""
    from statsmodels.stats.contingency_tables import mcnemar

    table = [
        [int((a_right & b_right).sum()), int((a_right & ~b_right).sum())],
        [int((~a_right & b_right).sum()), int((~a_right & ~b_right).sum())],
    ]
    return table, float(mcnemar(table, exact=True).pvalue)


def _resampled(a: Counts, b: Counts, rng: np.random.Generator) -> tuple[Counts, Counts]:
    units = len(a)
    of_a, of_b = [], []
    for size in _batches(RESAMPLES, units):
        drawn = rng.integers(units, size=(size, units))
        weights = np.stack([np.bincount(row, minlength=units) for row in drawn]).astype(np.float64)
        of_a.append(_weighted(weights, a))
        of_b.append(_weighted(weights, b))
    return np.concatenate(of_a), np.concatenate(of_b)


def _swapped(a: Counts, b: Counts, rng: np.random.Generator) -> tuple[Counts, Counts]:
    """Both with random units swapped. Of units that differ in the same way only how many are swapped matters."""
    ways, units = np.unique((b - a).reshape(len(a), -1), axis=0, return_counts=True)
    ways = ways.reshape(-1, *a.shape[1:])
    swaps = (rng.binomial(units, 0.5, size=(size, len(units))) for size in _batches(PERMUTATIONS, len(units)))
    moved = np.concatenate([_weighted(swap.astype(np.float64), ways) for swap in swaps])
    return a.sum(0) + moved, b.sum(0) - moved


def _weighted(weights: NDArray[np.float64], counts: Counts) -> Counts:
    flat = weights @ counts.reshape(len(counts), -1)
    return flat.reshape(len(weights), *counts.shape[1:])


def _batches(total: int, units: int) -> list[int]:
    size = max(1, min(total, BATCH_CELLS // units))
    return [min(size, total - start) for start in range(0, total, size)]
