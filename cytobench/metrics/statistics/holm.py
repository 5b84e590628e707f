"""Holm's step-down adjustment of a family of p-values."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

ALPHA = 0.05
"""Below it an adjusted p tells two rows apart."""


def holm(values: Sequence[float | None], hypotheses: Sequence[Hashable] | None = None) -> list[float | None]:
    """The p-values adjusted for the family (Holm 1979), each 0 to 1, in the given order.

    Values with equal ``hypotheses`` are of one and the same test, which the family counts once, with the highest of
    them; without ``hypotheses`` each is one of its own.

    None, a comparison without a p, stays None and counts as a member of the family, as one with a p of 1 would. By
    statsmodels' ``multipletests``, imported only where there is something to adjust.
    """
    if not any(value is not None for value in values):
        return list(values)
    from statsmodels.stats.multitest import multipletests

    named = range(len(values)) if hypotheses is None else hypotheses
    tests: dict[Hashable, float] = {}
    for name, value in zip(named, values, strict=True):
        tests[name] = max(tests.get(name, 0.0), 1.0 if value is None else value)
    adjusted = dict(zip(tests, multipletests(list(tests.values()), method="holm")[1], strict=True))
    return [None if value is None else float(adjusted[name]) for name, value in zip(named, values, strict=True)]
