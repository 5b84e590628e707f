"""Holm's step-down adjustment of a family of p-values."""

from __future__ import annotations

from collections.abc import Sequence

ALPHA = 0.05
"""Below it an adjusted p tells two rows apart."""


def holm(values: Sequence[float | None]) -> list[float | None]:
    """The p-values adjusted for the family (Holm 1979), each 0 to 1, in the given order.

    None, a comparison without a p, stays None and counts as a member of the family, as one with a p of 1 would. By
    statsmodels' ``multipletests``, imported only where there is something to adjust.
    """
    if not any(value is not None for value in values):
        return list(values)
    from statsmodels.stats.multitest import multipletests

    adjusted = multipletests([1.0 if value is None else value for value in values], method="holm")[1]
    return [None if value is None else float(p) for value, p in zip(values, adjusted, strict=True)]
