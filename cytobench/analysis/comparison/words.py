"""How differences, p-values, verdicts and prices are written, the same in every text of a comparison."""

from __future__ import annotations

from cytobench.analysis.leaderboard.words import METRIC_NAMES, duration
from cytobench.metrics.statistics.cost import STEP, GainAndCost
from cytobench.metrics.statistics.folds import FoldDifference

VERDICTS = {
    "better": "better than",
    "worse": "worse than",
    "not distinguishable": "not distinguishable from",
    "not known": "not known beside",
}
"""What comes before the name of the other row."""


def difference_texts(found: FoldDifference) -> list[str]:
    """The mean difference, its interval and its p."""
    return [f"{found.mean:+.3f}", _interval(found), p_text(found.p)]


def p_text(value: float | None) -> str:
    """A p with three digits; ``-`` for none."""
    return "-" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def price_text(cost: GainAndCost, metric: str, device: str) -> str:
    """The gain, the extra time on ``device``, and what may be said of the two."""
    interval = f" {_interval(cost.gain)}" if cost.gain.low is not None else ""
    gain = f"{METRIC_NAMES[metric]} {cost.gain.mean:+.3f}{interval}"
    if cost.hours is None:
        return f"{gain}: {cost.words}; the cost is not known, a submitted row has no time on record"
    more = "more" if cost.hours >= 0 else "less"
    return f"{gain} for {duration(abs(cost.hours) * 3600)} {more} of {device}: {gain_text(cost)}"


def extra_time_text(cost: GainAndCost) -> str:
    """The time beyond that of the other row, with a minus if it is less; ``-`` if it is not known."""
    if cost.hours is None:
        return "-"
    return f"{'-' if cost.hours < 0 else ''}{duration(abs(cost.hours) * 3600)}"


def gain_text(cost: GainAndCost) -> str:
    """What may be said of a gain, with the time for each +0.01 where it is shown."""
    each = "" if cost.hours_per_step is None else f", {duration(cost.hours_per_step * 3600)} for each +{STEP}"
    return f"{cost.words}{each}"


def _interval(found: FoldDifference) -> str:
    return "none" if found.low is None else f"[{found.low:+.3f}, {found.high:+.3f}]"
