"""The gain of one row over another beside what both took."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cytobench.analysis.comparison.candidates import Candidate
from cytobench.analysis.leaderboard.model import Replicate
from cytobench.analysis.leaderboard.rows import cost
from cytobench.analysis.outcomes import Conclusion, Outcome
from cytobench.metrics.metric import Metric
from cytobench.metrics.statistics.folds import FoldDifference

STEP = 0.01
"""The gain that is priced."""


@dataclass(frozen=True)
class GainAndCost:
    """The gain of a row over another, what it shows, and the device-hours the row takes beyond the other's."""

    gain: FoldDifference
    metric: Metric
    conclusion: Conclusion
    hours: float | None
    """Extra device-hours; negative if the row takes less; None where the time of one is not known."""

    @property
    def shown(self) -> bool:
        """Whether a gain may be spoken of."""
        return self.conclusion.outcome is Outcome.GAIN

    @property
    def hours_per_step(self) -> float | None:
        """Extra device-hours for each ``STEP``; None where there is no gain, or no cost on record."""
        if not self.shown or self.hours is None or self.hours <= 0:
            return None
        return self.hours / (abs(self.gain.mean) / STEP)


def gain_and_cost(
    a: Candidate,
    b: Candidate,
    gain: FoldDifference,
    metric: Metric,
    conclusion: Conclusion,
    places: Collection[Replicate],
) -> GainAndCost:
    """``gain`` of row a over row b, and the device-hours that a takes beyond b, of all stages behind ``places``."""
    seconds, other = (cost([row.trials[where][0] for where in places])[0] for row in (a, b))
    return GainAndCost(gain, metric, conclusion, None if seconds is None or other is None else (seconds - other) / 3600)
