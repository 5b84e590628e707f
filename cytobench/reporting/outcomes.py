"""How outcomes, their reasons, differences, p-values, gains and costs are worded, the same in every text."""

from __future__ import annotations

from cytobench.analysis.comparison.cost import STEP, GainAndCost
from cytobench.analysis.comparison.headline import DeclaredPair
from cytobench.analysis.outcomes import Cause, Conclusion, Outcome, Reason, Standing
from cytobench.metrics.statistics.folds import FoldDifference, NoInterval
from cytobench.reporting.words import duration

_REASONS = {
    NoInterval.ONE_FOLD: "one fold: there is no interval over folds",
    NoInterval.NO_SPREAD: "the difference is the same in every fold: there is no spread to judge it by",
    NoInterval.ALL_ZERO: "it is 0 in every fold",
    NoInterval.TOO_FEW: "too few images or folds to tell: an interval would be as wide as the metric itself",
    Cause.FAMILY: "adjusted for the declared family",
    Cause.NEVER_PAIRED: "{detail}",
    Cause.NO_VALUE: "{detail} is null in every fold",
    Cause.NO_COUNTS: "the records name no training images",
    Cause.MAY_HAVE_SEEN: "{detail} may have seen the test images",
    Cause.UNCHECKED: "the predictions of {detail} are not there, so that its scores were not checked",
    Cause.COPIES: "images of {detail} are copies of real ones",
}
_AGAINST = {
    Outcome.GAIN: "gain over",
    Outcome.LOSS: "loss against",
    Outcome.NO_DIFFERENCE: "no difference shown from",
    Outcome.NOT_KNOWN: "not known against",
}
"""What comes before the name of the other row."""
STANDINGS = {
    Standing.ALIKE: "not distinguishable from the best row",
    Standing.BELOW_OVER_IMAGES: "below the best row over the test images, not distinguishable from it over folds",
    Standing.BELOW: "below the best row",
    Standing.UNKNOWN: "whether it differs from the best row is not known",
}
"""What is said of a ranked row beside the best one."""
STANDINGS_SHORT = {
    Standing.BEST: "best row",
    Standing.ALIKE: "not distinguishable from the best",
    Standing.BELOW_OVER_IMAGES: "below the best over images, not over folds",
    Standing.BELOW: "below the best",
    Standing.UNKNOWN: "not known beside the best",
}
"""The same in a cell."""
STANDING_MARKS = {Standing.ALIKE: " ≈", Standing.BELOW_OVER_IMAGES: " ≈↓", Standing.UNKNOWN: " ?"}
"""What stands behind the rank."""


def reason_text(reason: Reason) -> str:
    """A reason as a clause; empty where the interval decides, which says enough."""
    return "" if reason.cause is Cause.INTERVAL else _REASONS[reason.cause].format(detail=reason.detail)


def why_not_known(conclusion: Conclusion) -> str:
    """Why an outcome is not known; empty where it is."""
    return reason_text(conclusion.reason) if conclusion.outcome is Outcome.NOT_KNOWN else ""


def no_interval_text(difference: FoldDifference) -> str:
    """Why a difference has no interval; empty where it has one."""
    return "" if difference.no_interval is None else reason_text(Reason(difference.no_interval))


def outcome_text(conclusion: Conclusion) -> str:
    """``gain``, ``no difference shown, adjusted for the declared family``, ``not known (one fold: ...)``."""
    if conclusion.outcome is Outcome.NOT_KNOWN:
        return f"{conclusion.outcome} ({reason_text(conclusion.reason)})"
    return ", ".join(filter(None, [conclusion.outcome, reason_text(conclusion.reason)]))


def against_text(conclusion: Conclusion, other: str) -> str:
    """The outcome against another row: ``gain over the reference``."""
    return f"{_AGAINST[conclusion.outcome]} {other}"


def pair_texts(pair: DeclaredPair) -> list[str]:
    """Both rows of a declared pair, difference, interval, p, adjusted p, and what that shows."""
    difference = ["-"] * 3 if pair.difference is None else difference_texts(pair.difference)
    other = "the reference" if pair.baselines is None else "the best baseline"
    why = why_not_known(pair.conclusion)
    outcome = against_text(pair.conclusion, other) + (f": {why}" if why else "")
    return [pair.row.name, pair.reference.name, *difference, p_text(pair.p_holm), outcome]


def gain_text(cost: GainAndCost) -> str:
    """The outcome, and of a gain that it costs nothing more, where that is so."""
    free = cost.shown and cost.hours is not None and cost.hours <= 0
    return outcome_text(cost.conclusion) + (", at no extra cost" if free else "")


def priced_text(cost: GainAndCost) -> str:
    """The same with the time for each step of 0.01 where a gain is shown."""
    step = cost.metric.goodness(STEP)
    each = "" if cost.hours_per_step is None else f", {duration(cost.hours_per_step * 3600)} for each {step:+}"
    return f"{gain_text(cost)}{each}"


def gain_and_cost_text(cost: GainAndCost, device: str) -> str:
    """The gain, the extra time on ``device``, and what the two show."""
    interval = f" {_interval(cost.gain)}" if cost.gain.low is not None else ""
    gain = f"{cost.metric.title} {cost.gain.mean:+.3f}{interval}"
    if cost.hours is None:
        return f"{gain}: {gain_text(cost)}; the cost is not known, a submitted row has no time on record"
    more = "more" if cost.hours >= 0 else "less"
    return f"{gain} for {duration(abs(cost.hours) * 3600)} {more} of {device}: {priced_text(cost)}"


def extra_time_text(cost: GainAndCost) -> str:
    """The time beyond that of the other row, with a minus if it is less; ``-`` if it is not known."""
    if cost.hours is None:
        return "-"
    return f"{'-' if cost.hours < 0 else ''}{duration(abs(cost.hours) * 3600)}"


def difference_texts(difference: FoldDifference) -> list[str]:
    """The mean difference, its interval and its p."""
    return [f"{difference.mean:+.3f}", _interval(difference), p_text(difference.p)]


def p_text(value: float | None) -> str:
    """A p with three digits; ``-`` for none."""
    return "-" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def _interval(difference: FoldDifference) -> str:
    return "none" if difference.low is None else f"[{difference.low:+.3f}, {difference.high:+.3f}]"
