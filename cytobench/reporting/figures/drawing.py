"""A figure with what stands beside it in a paper: title, caption, and a text for those who cannot see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """One figure, ready for :func:`~cytobench.reporting.figures.output.svg` and ``png``."""

    name: str
    """Stem of its file names, for example ``curve-clip-f1_macro``: letters, digits, ``.``, ``_`` and ``-``."""
    title: str
    alt: str
    """The finding in words, with its numbers."""
    caption: str
    """What is shown, of which data, protocol, preset and numbers of images, and what the intervals are."""
    figure: Figure
    """Sized in inches as it is to be printed, :data:`~cytobench.reporting.figures.style.WIDTH` wide where it can be."""
    tags: tuple[str, ...] = ()
    """Figures and tables of the CytoDiff study that it corresponds to, for example ``S2``."""


@dataclass(frozen=True)
class Plan:
    """A figure that can be drawn; nothing is computed before ``draw`` is called."""

    name: str
    topic: str
    """What it is about: ``curves``, ``confusion``, ``classes``, ``fidelity``, ``cost`` or ``gallery``."""
    tags: tuple[str, ...]
    draw: Callable[[str], Drawing]
    """Draws it under a name. Raises UserError where its predictions or images are missing or damaged."""
