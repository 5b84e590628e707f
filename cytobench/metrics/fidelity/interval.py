"""How far a figure may be off: its spread over subsamples of the images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cytobench.metrics.fidelity.distances import TooFew
from cytobench.metrics.fidelity.features import FeatureArray, FeatureSet
from cytobench.metrics.fidelity.resampling import FEWEST_UNITS, Units

LEVEL = 0.95

Statistic = Callable[[FeatureArray, FeatureArray], tuple[float, ...]]


def half_widths(
    real: FeatureSet, synthetic: FeatureSet, statistic: Statistic, subsamples: int, most: int | None, seed: int
) -> tuple[float, ...]:
    """Half the width of the 95 % interval of each value of a statistic of (real, synthetic) features.

    The statistic is computed on so many subsamples, half of the images on each side or about ``most``, drawn without
    replacement and whole groups at a time. Its standard deviation over them, scaled as
    :mod:`cytobench.metrics.fidelity.resampling` says, is multiplied by Student's quantile. The middle of the
    subsamples is not used, for a figure of fewer images may have another bias. Raises TooFew where there are too few
    groups, or where the statistic does so on a subsample.
    """
    sides = Units.of(real.groups), Units.of(synthetic.groups)
    if min(map(len, sides)) < FEWEST_UNITS:
        raise TooFew(f"needs at least {FEWEST_UNITS} groups, or images without one, a side")
    shares = [units.share(most) for units in sides]
    # Where the two sides keep different shares the larger factor is taken, and the interval is rather too wide.
    factor = max(share / (len(units) - share) for units, share in zip(sides, shares, strict=True))
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(subsamples):
        rows = [units.subsample(share, rng) for units, share in zip(sides, shares, strict=True)]
        try:
            values.append(statistic(real.features[rows[0]], synthetic.features[rows[1]]))
        except TooFew as few:
            raise TooFew(f"comes from parts of the images, and the figure {few}") from None
    deviation: NDArray[np.float64] = np.std(np.array(values), axis=0, ddof=1) * np.sqrt(factor)
    return tuple(float(width) for width in stats.t.ppf((1 + LEVEL) / 2, subsamples - 1) * deviation)
