"""The gain of one row over another beside what both took."""

from __future__ import annotations

from collections.abc import Collection

from cytobench.analysis.comparison.candidates import Candidate
from cytobench.analysis.leaderboard.model import Place
from cytobench.analysis.leaderboard.rows import cost
from cytobench.metrics.statistics.cost import GainAndCost, gain_and_cost
from cytobench.metrics.statistics.folds import FoldDifference


def price(
    a: Candidate, b: Candidate, gain: FoldDifference, p_family: float | None, places: Collection[Place]
) -> GainAndCost:
    """``gain`` of row a over row b and the device-hours that a takes beyond b, of all stages behind ``places``.

    ``p_family`` is the p adjusted for the declared family; None if the two are not of it, or it has none. Where one of
    them may have seen the test images there is no gain to price.
    """
    leaky = [one.name for one in (a, b) if one.row.made_elsewhere == "undeclared"]
    why = f"{' and '.join(leaky)} may have seen the test images" if leaky else ""
    seconds, other = (cost([one.trials[where][0] for where in places])[0] for one in (a, b))
    return gain_and_cost(gain, seconds, other, p_family, why)
