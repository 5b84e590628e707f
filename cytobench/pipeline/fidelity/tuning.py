"""Which images the test for copies compares in a run: what a generator was tuned on, and what it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cytobench._keys import derive_seed
from cytobench.pipeline.fidelity.copies import Untested

if TYPE_CHECKING:
    import pandas as pd

    from cytobench.config.grid import ReadyGenerator

Rows = NDArray[np.int64]

HELD_OUT = 400
"""Held-out images of a class at most.

Copies of one shot of 16 can be found at 0.05 from 304 on, and the test's memory grows with their square.
"""

OF_OTHER_GROUPS = 100
"""Of these, images of groups without a shot at most, where others are there: their labels do not move."""


def held_out_rows(table: pd.DataFrame, pool: Rows, shots: Mapping[str, Rows], seed: int) -> Rows:
    """Rows of images that a generator has not seen, of the classes of its shots, at most ``HELD_OUT`` each, sorted.

    They are drawn at random from ``pool``, where the shots were drawn from; images with the pixels of a shot are none.
    """
    seen = table["digest"].iloc[np.concatenate([*shots.values()])]
    free = pool[~table["digest"].iloc[pool].isin(seen).to_numpy()]
    labels = table["label"].to_numpy()
    parts = [
        _drawn(table, free[labels[free] == label], rows, derive_seed(seed, "held out", label))
        for label, rows in shots.items()
    ]
    return np.sort(np.concatenate(parts))


def _drawn(table: pd.DataFrame, rest: Rows, shots: Rows, seed: int) -> Rows:
    order = np.random.default_rng(seed).permutation(rest)
    groups = table["group"].iloc[shots].dropna()
    of_shot_groups = table["group"].iloc[order].isin(groups).to_numpy()
    same, other = order[of_shot_groups], order[~of_shot_groups]
    same = same[: max(HELD_OUT - OF_OTHER_GROUPS, HELD_OUT - len(other))]
    return np.concatenate([same, other[: HELD_OUT - len(same)]])


def why_untested(generator: ReadyGenerator) -> Untested | None:
    """Why copies of what a generator was tuned on are not tested for; None if these are shots of the run."""
    if generator.made_elsewhere:
        return Untested("what the generator has learned from was not drawn at random in this run", tuned=True)
    if generator.scope == "none":
        return Untested("needs a generator that is tuned on shots", tuned=False)
    return None
