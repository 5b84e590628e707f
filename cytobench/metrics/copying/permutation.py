"""The permutation test: what the two statistics would be had others been the shots.

Weights do not depend on labels, so that under a permutation only the choice of summands changes. p-values are
(1 + number of other labellings with a statistic as large) / (1 + their number): exact where all labellings are
compared, and valid where they are drawn (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import comb, prod

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.bool_]


@dataclass(frozen=True)
class Stratum:
    """Units among which labels move freely: each unit's weight, int64 >= 0, and whether it is among the shots.

    Weights are whole numbers, so that equal sums are equal in whatever order they are added.
    """

    weights: NDArray[np.int64]
    shots: Labels

    @property
    def n_shots(self) -> int:
        """How many of the units are shots."""
        return int(self.shots.sum())

    @property
    def movable(self) -> bool:
        """Whether there is more than one labelling."""
        return bool(self.shots.any() and not self.shots.all())

    @property
    def labellings(self) -> int:
        """How many labellings there are."""
        return comb(len(self.shots), self.n_shots)

    def in_order(self) -> Stratum:
        """The same with the largest weight first, so that a result depends on no order of images."""
        order = np.lexsort((~self.shots, -self.weights))
        return Stratum(self.weights[order], self.shots[order])


@dataclass(frozen=True)
class PermutationTest:
    """p-values of the sum over shots, of the largest of a shot, and of the smaller of the two."""

    p_sum: float
    p_max: float
    p_combined: float
    permutations: int
    smallest_p: float
    smallest_p_one_shot: float


def permute(strata: Sequence[Stratum], permutations: int, seed: int) -> PermutationTest:
    """Permute the labels within movable strata ``permutations`` times, or in all ways if there are no more.

    Raises ValueError where no stratum is movable.
    """
    ordered = sorted(
        (stratum.in_order() for stratum in strata if stratum.movable),
        key=lambda stratum: (len(stratum.shots), stratum.n_shots, stratum.weights.tolist(), stratum.shots.tolist()),
    )
    if not ordered:
        raise ValueError("no label can move")
    observed = np.concatenate([stratum.shots for stratum in ordered])
    weights = np.concatenate([stratum.weights for stratum in ordered])
    few = prod(stratum.labellings for stratum in ordered) - 1 <= permutations
    others = _all_others(ordered, observed) if few else _drawn(ordered, permutations, seed)
    weighty = weights > 0
    labels = np.concatenate([observed[None], others])[:, weighty]
    sums = labels @ weights[weighty]
    largest = np.where(labels, weights[weighty], 0).max(axis=1, initial=0)
    by_sum, by_max = _p_values(sums), _p_values(largest)
    smaller = np.minimum(by_sum, by_max)
    smallest = 1 / len(labels)
    chance = min(float(stratum.shots.mean()) for stratum in ordered)
    return PermutationTest(
        p_sum=float(by_sum[0]),
        p_max=float(by_max[0]),
        p_combined=float((smaller <= smaller[0]).mean()),
        permutations=len(others),
        smallest_p=smallest,
        smallest_p_one_shot=max(chance, smallest),
    )


def _p_values(statistic: NDArray[np.int64]) -> NDArray[np.float64]:
    """For each labelling the share of all labellings whose statistic is as large as its own."""
    ordered = np.sort(statistic)
    below = np.searchsorted(ordered, statistic, side="left")
    return np.asarray((len(statistic) - below) / len(statistic), dtype=np.float64)


def _all_others(strata: Sequence[Stratum], observed: Labels) -> Labels:
    """Every labelling but the observed one."""
    ways = [combinations(range(len(stratum.shots)), stratum.n_shots) for stratum in strata]
    starts = np.cumsum([0, *(len(stratum.shots) for stratum in strata)])
    others = []
    for chosen in product(*ways):
        labels = np.zeros(len(observed), dtype=bool)
        for start, positions in zip(starts, chosen, strict=False):
            labels[start + np.array(positions)] = True
        if not np.array_equal(labels, observed):
            others.append(labels)
    return np.array(others)


def _drawn(strata: Sequence[Stratum], permutations: int, seed: int) -> Labels:
    """Labellings at random, the observed one perhaps among them."""
    rng = np.random.default_rng(seed)
    parts = []
    for stratum in strata:
        # Not the observed labels, but as many: what is drawn then depends on no label.
        start = np.arange(len(stratum.shots)) < stratum.n_shots
        parts.append(rng.permuted(np.broadcast_to(start, (permutations, len(start))), axis=1))
    return np.concatenate(parts, axis=1)
