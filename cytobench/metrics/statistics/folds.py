"""The difference of two rows over folds: the corrected resampled t of Nadeau and Bengio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from math import fsum, sqrt
from statistics import stdev

LEVEL = 0.95
"""The level of every interval."""
NO_SPREAD = 1e-12
"""Scores lie in 0 to 1; what differs by less differs by rounding alone."""


class NoInterval(Enum):
    """Why there is no interval over folds."""

    ONE_FOLD = auto()
    NO_SPREAD = auto()
    """The difference is the same in every fold, and not 0."""
    ALL_ZERO = auto()
    """There is no difference in any fold."""
    TOO_FEW = auto()
    """The interval would be as wide as all that the metric can be: it says nothing."""


@dataclass(frozen=True)
class FoldDifference:
    """A mean difference with its 95 % interval and two-sided p; None where they cannot be had."""

    mean: float
    low: float | None
    high: float | None
    p: float | None
    folds: int
    """Folds of the seed that has fewest: what the interval rests on."""
    seeds: int
    std_seeds: float | None
    """Sample SD of the seeds' mean differences; None with one seed."""
    no_interval: NoInterval | None = None
    """Why there is no interval; None where there is one."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval is known and does not hold 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def fold_difference(
    differences: Mapping[int, Sequence[float]], ratio: float, span: float | None = None
) -> FoldDifference:
    """The mean of paired differences, by seed and fold, with the corrected interval and p.

    ``differences`` holds for each seed the score of one row minus that of the other, fold by fold; ``ratio`` is
    n_test / n_train of a fold (1/3 for 60/20/20). With k folds and their sample variance s²,
    t = mean / sqrt(s² (1/k + ratio)) has k - 1 degrees of freedom (Nadeau and Bengio 2003, Inference for the
    generalization error, Machine Learning 52): training sets overlap, so folds are not independent, and the plain
    paired t is too sure.

    Seeds divide the same images again. They steady the mean and the variance (pooled within seeds) and never count as
    folds: k, and with it the width and the degrees of freedom, stay those of one seed.

    ``span`` is how far apart two values of the metric can be, 1 for an accuracy. No difference is larger, so that the
    interval is cut there; one that is then as wide as ``span`` or wider is left out. It always holds 0.

    Where the difference is the same in every fold there is no interval: no spread is no certainty about other data,
    neither of a gain nor, where it is 0, of equality. The p of a difference that is 0 everywhere is 1, as in any test.

    Raises ValueError without differences, and for a ratio that is not positive.
    """
    values = [value for seed in differences.values() for value in seed]
    if not values or not all(differences.values()):
        raise ValueError("no differences")
    if ratio <= 0:
        raise ValueError(f"n_test / n_train is {ratio}")
    mean = fsum(values) / len(values)
    folds = min(map(len, differences.values()))
    means = [fsum(seed) / len(seed) for seed in differences.values()]
    between = stdev(means) if len(means) > 1 else None
    if folds < 2:
        return FoldDifference(mean, None, None, None, folds, len(means), between, NoInterval.ONE_FOLD)
    squares = fsum((value - m) ** 2 for m, seed in zip(means, differences.values(), strict=True) for value in seed)
    deviation = sqrt(squares / (len(values) - len(means)))
    if deviation < NO_SPREAD:
        if abs(mean) < NO_SPREAD:
            return FoldDifference(0.0, None, None, 1.0, folds, len(means), between, NoInterval.ALL_ZERO)
        return FoldDifference(mean, None, None, None, folds, len(means), between, NoInterval.NO_SPREAD)
    error = deviation * sqrt(1 / folds + ratio)
    half, p = _student(mean / error, folds - 1)
    low, high = mean - half * error, mean + half * error
    if span is not None:
        low, high = max(low, -span), min(high, span)
        if high - low >= span:
            return FoldDifference(mean, None, None, p, folds, len(means), between, NoInterval.TOO_FEW)
    return FoldDifference(mean, low, high, p, folds, len(means), between)


def _student(t: float, freedom: int) -> tuple[float, float]:
    """The two-sided quantile of LEVEL and the two-sided p of t, from scipy's distribution functions.

    ``scipy.special``, since importing ``scipy.stats`` would make every leaderboard wait.
    """
    from scipy.special import stdtr, stdtrit

    return float(stdtrit(freedom, (1 + LEVEL) / 2)), float(2 * stdtr(freedom, -abs(t)))
