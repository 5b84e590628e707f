"""What the templates are given: plain values, no paths of this machine, pictures by address."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from cytobench.reporting.page.provenance import Provenance
from cytobench.reporting.page.thumbnails import name_of
from cytobench.reporting.page.verdict import Verdict
from cytobench.reporting.tables import Table

TOPICS = ("curves", "confusion", "classes", "fidelity", "cost")
"""What plots are about, in the order of the page."""


@dataclass
class Media:
    """The pictures of a page: files beside it, or data within it."""

    single: bool
    files: dict[str, bytes] = field(default_factory=dict)
    """By relative path, to be written beside the page."""

    def add(self, data: bytes, kind: str) -> str:
        """The address of a picture; ``kind`` is ``webp``, ``png`` or ``svg``."""
        if self.single:
            mime = "image/svg+xml" if kind == "svg" else f"image/{kind}"
            return f"data:{mime};base64,{base64.b64encode(data).decode()}"
        name = f"images/{name_of(data, f'.{kind}')}"
        self.files[name] = data
        return name


@dataclass(frozen=True)
class Picture:
    """A thumbnail and what it opens, by address; ``large`` is the thumbnail's own where there is no larger one."""

    small: str
    large: str
    alt: str
    caption: str


@dataclass(frozen=True)
class StripView:
    """A row of pictures."""

    title: str
    kind: str
    shots: str
    pictures: tuple[Picture, ...]
    why_none: str


@dataclass(frozen=True)
class ClassView:
    """The gallery of a class."""

    label: str
    n_real: int
    strips: tuple[StripView, ...]
    copying: tuple[str, ...]
    pairs: tuple[tuple[Picture, Picture, str], ...]


@dataclass(frozen=True)
class GalleryView:
    """The gallery of a section."""

    classes: tuple[ClassView, ...]
    source: str
    why_no_real: str
    absent: tuple[str, ...]
    shots: tuple[str, ...]
    """The numbers of shots there are, to choose from."""
    elsewhere: bool
    """Whether images that were made outside the run may be among them."""


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
    gallery: GalleryView | None = None
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
