"""Holm's step-down adjustment of a family of p-values."""

from __future__ import annotations

from collections.abc import Sequence

ALPHA = 0.05
"""Below it an adjusted p tells two rows apart."""


def holm(values: Sequence[float | None]) -> list[float | None]:
    """The p-values adjusted for the family (Holm 1979), each 0 to 1, in the given order.

    None, a comparison without a p, stays None and counts as a member of the family. The same as statsmodels'
    ``multipletests(method="holm")``, whose import takes longer than a whole leaderboard.
    """
    order = sorted((value, place) for place, value in enumerate(values) if value is not None)
    adjusted: list[float | None] = [None] * len(values)
    highest = 0.0
    for rank, (value, place) in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * value))
        adjusted[place] = highest
    return adjusted
