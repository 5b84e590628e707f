"""What stages cost: how much of each kind of work is in them, and what a unit of it takes on a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum


@dataclass(frozen=True)
class Amount:
    """The work in a stage, as far as it is known before it is done."""

    images: int = 0
    """Made, predicted or sent through an extractor."""
    steps: int = 0
    """Of the optimiser."""
    validated: int = 0
    """Images validated, in every epoch again."""

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.images + other.images, self.steps + other.steps, self.validated + other.validated)


@dataclass(frozen=True)
class Cost:
    """Seconds of the stages of one kind and plugin on one device, by what they are made of."""

    once: float = 0.0
    """Paid once a process, for example to load a pipeline that later stages find loaded."""
    stage: float = 0.0
    step: float = 0.0
    """An optimiser step."""
    image: float = 0.0
    """An image made or predicted."""
    validated: float = 0.0
    """An image validated, in every epoch again."""
    stage_bytes: float | None = None
    """What a stage, or block of images, leaves in the store; None if unknown."""

    def seconds(self, stages: int, amount: Amount) -> float:
        """What so many stages take with all that is in them; nothing if there is none."""
        if not stages:
            return 0.0
        parts = (
            stages * self.stage,
            amount.steps * self.step,
            amount.images * self.image,
            amount.validated * self.validated,
        )
        return self.once + fsum(parts)


def linear_cost(seconds: Sequence[float], steps: Sequence[int], size: float) -> Cost:
    """The cost by a first stage, one like it, and a longer one (or none): once, for a stage, and for a step."""
    first, again = seconds[:2]
    longer = steps[-1] - steps[0]
    step = max(0.0, seconds[-1] - again) / longer if longer else 0.0
    return Cost(once=max(0.0, first - again), stage=max(0.0, again - step * steps[0]), step=step, stage_bytes=size)


def spread(rows: Sequence[int], number: int) -> list[int]:
    """At most so many of the rows, evenly spread."""
    number = min(number, len(rows))
    return [rows[i * len(rows) // number] for i in range(number)]
