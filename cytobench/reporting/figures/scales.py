"""The axis of numbers of synthetic images: its scale and its ticks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LETTER, GAP = 1.5, 1.5
"""Width of a digit of 7 points, and the least space between two numbers, in mm."""


def count_axis(axes: Axes, counts: Sequence[int], room: float) -> None:
    """Set the x axis for these numbers, ticks at as many of them as fit into ``room`` mm.

    The scale is linear for a few numbers of one size; else it is that of square roots, which keeps 0 and spreads what
    lies near it.
    """
    rooted = needs_root(counts)
    if rooted:
        axes.set_xscale("function", functions=(_root, _square))
    top = max(max(counts, default=0), 1)
    place = _root if rooted else np.asarray
    ticks = fitting(counts, [room * float(place(n)) / float(place(top)) for n in counts])
    axes.set_xticks(ticks, [f"{n:,}" for n in ticks])
    axes.minorticks_off()
    pad = 0.06
    # On the scale of roots the left margin cannot be a share of the numbers: its square would be none.
    left = -top * pad**2 if rooted else -top * pad
    axes.set_xlim(left, top * (1 + pad) ** (2 if rooted else 1))
    if len(counts) == 1:
        axes.set_xlim(counts[0] - 1, counts[0] + 1)
    axes.set_xlabel("synthetic images a class, N" + ("\n(square-root scale)" if rooted else ""))


def needs_root(counts: Sequence[int]) -> bool:
    """Whether numbers lie so unevenly that most would stand in a corner."""
    positive = [n for n in counts if n > 0]
    return len(positive) > 2 and max(positive) / min(positive) > 4


def fitting(counts: Sequence[int], places: Sequence[float]) -> list[int]:
    """Of increasing numbers, to be written at these places in mm, the first, the last, and what fits between them."""
    if len(counts) < 2:
        return list(counts)
    half = [(LETTER * len(f"{n:,}") + GAP) / 2 for n in counts]
    kept = [0]
    for i in range(1, len(counts) - 1):
        if places[i] - half[i] >= places[kept[-1]] + half[kept[-1]] and places[i] + half[i] <= places[-1] - half[-1]:
            kept.append(i)
    return [counts[i] for i in (*kept, len(counts) - 1)]


def _root(values: ArrayLike) -> NDArray[np.float64]:
    """Square root with the sign of the number, so that a margin left of 0 has a place."""
    numbers = np.asarray(values, dtype=np.float64)
    return np.asarray(np.sign(numbers) * np.sqrt(np.abs(numbers)))


def _square(values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    return np.asarray(np.sign(numbers) * numbers**2)
