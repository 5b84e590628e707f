"""The learning rate over a training."""

from __future__ import annotations

import math


def learning_rate(step: int, steps: int, warmup: int, peak: float, floor: float) -> float:
    """The rate of ``step`` (0 .. steps - 1): linear to ``peak`` in ``warmup`` steps, cosine to ``floor``.

    The first step of the warm-up has ``peak / warmup``; the last step of all has ``floor``, unless it is of
    the warm-up.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    share = (step - warmup + 1) / (steps - warmup)
    return floor + 0.5 * (peak - floor) * (1 + math.cos(math.pi * share))
