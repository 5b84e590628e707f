"""What a difference shows, and why: decided here for every comparison, worded in ``reporting/outcomes.py`` alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from cytobench.metrics.metric import Metric
from cytobench.metrics.statistics.folds import FoldDifference, NoInterval
from cytobench.metrics.statistics.holm import ALPHA


class Outcome(StrEnum):
    """What may be said of one row against another; the values are the words that every reader sees."""

    GAIN = "gain"
    LOSS = "loss"
    NO_DIFFERENCE = "no difference shown"
    NOT_KNOWN = "not known"


class Standing(StrEnum):
    """A ranked row against the best one of its section; the values are those of JSON and CSV."""

    BEST = "best"
    ALIKE = "not distinguishable"
    BELOW_OVER_IMAGES = "below over images"
    """Not distinguishable over folds, and below over the images that both were tested on."""
    BELOW = "below"
    UNKNOWN = "not known"


class Cause(Enum):
    """What decided an outcome; where an interval is missing, :class:`NoInterval` says why."""

    INTERVAL = auto()
    """The interval over folds: it holds 0, or lies on one side of it."""
    FAMILY = auto()
    """The interval does not hold 0, but the p adjusted for the declared family is not under ALPHA."""
    NEVER_PAIRED = auto()
    """The two were not tested on the same images; the detail says what keeps them apart."""
    NO_VALUE = auto()
    """The metric, which is the detail, is null in every fold."""
    NO_COUNTS = auto()
    """The records name no training or test images, so that folds cannot be weighed."""
    MAY_HAVE_SEEN = auto()
    """The rows of the detail may have seen the test images."""
    UNCHECKED = auto()
    """The predictions of the rows of the detail are not there, so that nothing bears their scores out."""
    COPIES = auto()
    """Images of the rows of the detail are copies of real ones."""


@dataclass(frozen=True)
class Reason:
    """Why an outcome is what it is; ``detail`` holds what the cause is about."""

    cause: Cause | NoInterval
    detail: str = ""


@dataclass(frozen=True)
class Conclusion:
    """An outcome with its reason."""

    outcome: Outcome
    reason: Reason


def conclude(
    difference: FoldDifference | None, metric: Metric, obstacle: Reason | None, p_family: float | None = None
) -> Conclusion:
    """What a difference over folds in a metric shows; ``obstacle`` is why nothing can be said, whatever the interval.

    No difference in any fold shows none; without an interval nothing else is known. There is a gain or a loss where the
    interval does not hold 0, and where ``p_family``, the p adjusted for a family of comparisons, does not take that
    back.

    Raises ValueError without both a difference and an obstacle.
    """
    if obstacle is not None:
        return Conclusion(Outcome.NOT_KNOWN, obstacle)
    if difference is None:
        raise ValueError("neither a difference nor a reason why there is none")
    if difference.no_interval is NoInterval.ALL_ZERO:
        return Conclusion(Outcome.NO_DIFFERENCE, Reason(difference.no_interval))
    if difference.no_interval is not None:
        return Conclusion(Outcome.NOT_KNOWN, Reason(difference.no_interval))
    if not difference.excludes_zero:
        return Conclusion(Outcome.NO_DIFFERENCE, Reason(Cause.INTERVAL))
    if p_family is not None and p_family >= ALPHA:
        return Conclusion(Outcome.NO_DIFFERENCE, Reason(Cause.FAMILY))
    better = metric.goodness(difference.mean) > 0
    return Conclusion(Outcome.GAIN if better else Outcome.LOSS, Reason(Cause.INTERVAL))


def standing(conclusion: Conclusion) -> Standing:
    """Where a row stands of which this is known against the best one; only a loss sets it below."""
    if conclusion.outcome is Outcome.NOT_KNOWN:
        return Standing.UNKNOWN
    return Standing.BELOW if conclusion.outcome is Outcome.LOSS else Standing.ALIKE
