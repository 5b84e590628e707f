from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from cytobench.context import Context
from cytobench.images import Images

LABELS = ("blue", "green", "red")


@dataclass
class Pixels:
    image: NDArray[np.uint8]
    reads: list[int] = field(default_factory=list)

    def read(self) -> NDArray[np.uint8]:
        self.reads.append(1)
        return self.image


def coloured(count: int, seed: int, side: int = 20) -> Images:
    """Noisy images, each brightest in the channel that its label names."""
    rng = np.random.default_rng(seed)
    labels = [LABELS[i % 3] for i in range(count)]
    pixels = []
    for i in range(count):
        image = rng.integers(0, 90, (side, side, 3), dtype=np.uint8)
        image[:, :, 2 - i % 3] += 120
        pixels.append(Pixels(image))
    table = pd.DataFrame({"label": labels, "prompt": labels, "synthetic": False})
    return Images(table, LABELS, {label: f"a {label} cell" for label in LABELS}, pixels)


@pytest.fixture
def images() -> Callable[..., Images]:
    return coloured


@pytest.fixture
def context(tmp_path: Path) -> Callable[..., Context]:
    def make(name: str = "out", **changes: Any) -> Context:
        out = tmp_path / name
        out.mkdir()
        return Context(**{"seed": 5, "device": "cpu", "dtype": "float32", "out": out, **changes})

    return make
