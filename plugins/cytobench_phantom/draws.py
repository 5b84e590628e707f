"""Small draws that the recipes of the classes share, and the colours they start from."""

from __future__ import annotations

import numpy as np

from cytobench_phantom.cell import Colour, NucleusShape

DARK_VIOLET: Colour = (0.29, 0.16, 0.50)
VIOLET: Colour = (0.42, 0.23, 0.60)
RED_VIOLET: Colour = (0.47, 0.24, 0.60)
PINK: Colour = (0.93, 0.83, 0.91)
LILAC: Colour = (0.82, 0.70, 0.88)
GREY_BLUE: Colour = (0.71, 0.68, 0.82)
BLUE: Colour = (0.62, 0.60, 0.83)
PALE_BLUE: Colour = (0.76, 0.77, 0.92)


def pick(rng: np.random.Generator, **chances: float) -> NucleusShape:
    """One of the named nucleus shapes with the given chances."""
    names: list[NucleusShape] = list(chances)  # type: ignore[arg-type]
    return names[rng.choice(len(names), p=list(chances.values()))]


def normal(rng: np.random.Generator, mean: float, spread: float, low: float, high: float) -> float:
    """A draw of N(mean, spread), cut off at ``low`` and ``high``."""
    return float(np.clip(rng.normal(mean, spread), low, high))


def few(rng: np.random.Generator, chance: float, most: int) -> int:
    """1 to ``most`` of something, each number as likely, with this chance; else 0."""
    return int(rng.integers(1, most + 1)) if rng.random() < chance else 0
