"""The pictures of a page: files beside it, or data within it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cytobench.reporting.page.thumbnails import LARGE, SIDE, name_of, webp


@dataclass(frozen=True)
class Picture:
    """A thumbnail and what it opens, by address; ``large`` is the thumbnail's own where there is no larger one."""

    small: str
    large: str
    alt: str
    caption: str


@dataclass
class Media:
    """Takes pictures and gives their addresses."""

    single: bool
    """Whether the page is one file."""
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

    def draw(self, pixels: NDArray[np.uint8], alt: str, caption: str) -> Picture:
        """The picture of an image, RGB uint8 (height, width, 3); one file has no room for larger ones."""
        small = self.add(webp(pixels), "webp")
        larger = not self.single and max(pixels.shape[:2]) > SIDE
        return Picture(small, self.add(webp(pixels, LARGE), "webp") if larger else small, alt, caption)
