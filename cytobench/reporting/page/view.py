"""What the templates are given: plain values, no paths of this machine, pictures by address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cytobench.reporting.page.galleries import Gallery
from cytobench.reporting.page.provenance import Provenance
from cytobench.reporting.page.verdict import Verdict
from cytobench.reporting.tables import Table

TOPICS = ("curves", "confusion", "classes", "fidelity", "cost")
"""What plots are about, in the order of the page."""


@dataclass(frozen=True)
class FigureView:
    """A plot: its picture, title, caption and the finding in words."""

    address: str
    title: str
    alt: str
    caption: str
    size: tuple[int, int]
    """Width and height in CSS pixels, so that nothing moves when it is loaded."""


@dataclass(frozen=True)
class SectionView:
    """All that is said of one section."""

    title: str
    notes: tuple[str, ...]
    merged: tuple[str, ...]
    where: Mapping[str, str]
    """What it can be filtered by: protocol, preset and device."""
    verdict: Verdict
    leaderboard: Table
    family: Table | None
    why_no_family: str
    published: Table | None
    classes: tuple[Table, ...]
    fidelity: tuple[Table, ...]
    time: Table
    provenance: Provenance
    number: int = 1
    tag: str = ""
    """What tells its tables from those of other sections; empty where it is the only one."""
    figures: Mapping[str, tuple[FigureView, ...]] = field(default_factory=dict)
    """Plots by topic, of which each is there."""
    gallery: Gallery | None = None
    why_no_gallery: str = ""


@dataclass(frozen=True)
class View:
    """The whole page."""

    title: str
    sections: tuple[SectionView, ...]
    apart: str
    legend: str
    filters: Mapping[str, tuple[str, ...]]
    """What can be filtered by, each with its values, where there are several."""
    verdicts: tuple[SectionView, ...]
    """The sections in the order of their verdicts: first those that conclude something."""
    no_images: tuple[tuple[str, str], ...]
    """Why sections have no gallery: their numbers in words (empty where there is one section), and the reason."""
    images_shown: str
    """Which images are on the page: real ones too, or synthetic ones alone."""
    made_with: str
    single: bool
