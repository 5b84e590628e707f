"""Small pictures: encoded once, named by their bytes, never by what a data set calls them."""

from __future__ import annotations

import hashlib
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 96
"""Longest side of a thumbnail in pixels."""
LARGE = 384
"""Longest side of the picture that a thumbnail opens."""
QUALITY = 80


def webp(image: NDArray[np.uint8], side: int = SIDE, quality: int = QUALITY) -> bytes:
    """An image, RGB uint8 (height, width, 3), as a WebP whose longer side is at most ``side`` pixels."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    scale = side / max(picture.size)
    if scale < 1:
        size = tuple(max(1, round(length * scale)) for length in picture.size)
        picture = picture.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=quality, method=4)
    return buffer.getvalue()


def name_of(data: bytes, suffix: str) -> str:
    """The file name of these bytes: the first 20 hex digits of their SHA-256, and the suffix."""
    return f"{hashlib.sha256(data).hexdigest()[:20]}{suffix}"
