"""A contact sheet of the closest pairs, to look at."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cytobench.atomic import write_bytes
from cytobench.copying.model import Pair
from cytobench.copying.pixels import transform

SIDE = 128
GAP = 12
CAPTION = 34
ACROSS = 4
"""Pairs in a row."""


def contact_sheet(
    pairs: Sequence[Pair],
    shots: Sequence[NDArray[np.uint8]],
    synthetic: Sequence[NDArray[np.uint8]],
    file: Path,
) -> None:
    """Write a PNG with each pair side by side: the synthetic image, then the shot turned as it matches.

    ``shots`` and ``synthetic`` are the images that the pairs' positions mean, RGB uint8 (height, width, 3). Raises
    ValueError without a pair.
    """
    if not pairs:
        raise ValueError("there are no pairs to show")
    width, height = 2 * SIDE + GAP, SIDE + CAPTION + GAP
    rows = -(-len(pairs) // ACROSS)
    page = Image.new("RGB", (GAP + min(len(pairs), ACROSS) * width, GAP + rows * height), "white")
    pen = ImageDraw.Draw(page)
    for number, pair in enumerate(pairs):
        left, top = GAP + number % ACROSS * width, GAP + number // ACROSS * height
        shot = shots[pair.shot]
        turned = shot if pair.transform is None else transform(shot, pair.transform)
        page.paste(_square(synthetic[pair.synthetic]), (left, top))
        page.paste(_square(turned), (left + SIDE, top))
        named = f"synthetic {pair.synthetic}, shot {pair.shot}"
        how = pair.space if pair.transform is None else f"{pair.space}, {pair.transform}"
        pen.text((left, top + SIDE + 2), f"{named}\n{pair.distance:.3f} in {how}", fill="black", font_size=12)
    buffer = io.BytesIO()
    page.save(buffer, format="PNG", optimize=True)
    write_bytes(file, buffer.getvalue())


def _square(image: NDArray[np.generic]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(image)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
