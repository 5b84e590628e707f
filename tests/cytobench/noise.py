"""Images of noise: quick to make, and no two alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def noise(file: Path, seed: int, side: int = 16) -> None:
    """Write a square RGB image of noise."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
