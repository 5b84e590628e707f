"""A contact sheet of the closest pairs, to look at."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cytobench.atomic import write_bytes
from cytobench.metrics.copying.model import Pair
from cytobench.metrics.copying.pixels import Pictures, transform

SIDE = 128
GAP = 12
LINE = 16
"""Height of a line of a caption in pixels."""
LONGEST = 40
"""Characters of a line; of a longer name the end is kept."""
ACROSS = 4
"""Pairs in a row."""


def contact_sheet(
    pairs: Sequence[Pair],
    shots: Pictures,
    synthetic: Pictures,
    file: Path,
    names: Sequence[tuple[str, str]] | None = None,
) -> None:
    """Write a PNG with each pair side by side: the synthetic image, then the shot turned as it matches.

    ``shots`` and ``synthetic`` are the images that the pairs' positions mean, RGB uint8 (height, width, 3); ``names``
    call the two of each pair something else than their positions. Raises ValueError without a pair.
    """
    if not pairs:
        raise ValueError("there are no pairs to show")
    captions = [_caption(pair, None if names is None else names[number]) for number, pair in enumerate(pairs)]
    width, height = 2 * SIDE + GAP, SIDE + 2 + LINE * max(map(len, captions)) + GAP
    rows = -(-len(pairs) // ACROSS)
    page = Image.new("RGB", (GAP + min(len(pairs), ACROSS) * width, GAP + rows * height), "white")
    pen = ImageDraw.Draw(page)
    for number, pair in enumerate(pairs):
        left, top = GAP + number % ACROSS * width, GAP + number // ACROSS * height
        shot = shots[pair.shot]
        turned = shot if pair.transform is None else transform(shot, pair.transform)
        page.paste(_square(synthetic[pair.synthetic]), (left, top))
        page.paste(_square(turned), (left + SIDE, top))
        pen.text((left, top + SIDE + 2), "\n".join(captions[number]), fill="black", font_size=12)
    buffer = io.BytesIO()
    page.save(buffer, format="PNG", optimize=True)
    write_bytes(file, buffer.getvalue())


def _caption(pair: Pair, names: tuple[str, str] | None) -> list[str]:
    named = [f"synthetic {pair.synthetic}, shot {pair.shot}"] if names is None else [_short(name) for name in names]
    how = pair.space if pair.transform is None else f"{pair.space}, {pair.transform}"
    return [*named, f"{pair.distance:.3f} in {how}"]


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"...{name[3 - LONGEST :]}"


def _square(image: NDArray[np.generic]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(image)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
