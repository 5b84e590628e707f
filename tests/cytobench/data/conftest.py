"""Small data sets for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Write = Callable[..., Path]


@pytest.fixture
def write_image(tmp_path: Path) -> Write:
    """Write a small picture, the same for the same seed, at a path under ``tmp_path``."""

    def write(path: str, seed: int = 0) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (9, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file)
        return file

    return write


@pytest.fixture
def cells(tmp_path: Path, write_image: Write) -> Path:
    """A folder of two classes: EOS with a, b and c, BAS with x and y; all different."""
    for seed, path in enumerate(["EOS/b.png", "EOS/a.png", "EOS/c.png", "BAS/y.png", "BAS/x.png"]):
        write_image(f"cells/{path}", seed)
    return tmp_path / "cells"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"
