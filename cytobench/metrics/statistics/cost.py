"""What a gain costs: device-hours beside the difference, and a price only where there is a gain."""

from __future__ import annotations

from dataclasses import dataclass

from cytobench.metrics.statistics.folds import FoldDifference
from cytobench.metrics.statistics.holm import ALPHA

STEP = 0.01
"""The gain that is priced."""


@dataclass(frozen=True)
class GainAndCost:
    """The gain of a row over another and the device-hours it takes beyond the other's."""

    gain: FoldDifference
    hours: float | None
    """Extra device-hours; negative if the row takes less; None where the time of one is not known."""
    hours_per_step: float | None
    """Extra device-hours for each +0.01; None where no gain is shown, its cost is not known, or it costs nothing."""
    words: str
    """What may be said: ``a gain``, ``no gain shown``, ..."""


def gain_and_cost(
    gain: FoldDifference,
    seconds: float | None,
    seconds_other: float | None,
    p_family: float | None = None,
    why: str = "",
) -> GainAndCost:
    """Set a difference beside what both rows cost, ``seconds`` of all their stages, None if not known.

    There is a price only where the interval of the gain lies above 0, and where ``p_family``, the p adjusted for a
    declared family, does not take that back; else the words are "no gain shown". An adjusted p takes a loss back too.
    ``why`` says why neither can be had, whatever the interval.
    """
    hours = None if seconds is None or seconds_other is None else (seconds - seconds_other) / 3600
    if gain.low is None or why:
        return GainAndCost(gain, hours, None, f"not known ({why or gain.why})")
    if not gain.excludes_zero:
        return GainAndCost(gain, hours, None, "no gain shown")
    if p_family is not None and p_family >= ALPHA:
        return GainAndCost(gain, hours, None, "no gain shown, adjusted for the declared family")
    if gain.low <= 0:
        return GainAndCost(gain, hours, None, "a loss")
    if hours is None:
        return GainAndCost(gain, hours, None, "a gain")
    if hours <= 0:
        return GainAndCost(gain, hours, None, "a gain, at no extra cost")
    return GainAndCost(gain, hours, hours / (gain.mean / STEP), "a gain")
