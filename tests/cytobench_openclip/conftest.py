from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from cytobench.context import Context
from cytobench.images import Images

LABELS = ("BAS", "EOS")


@dataclass
class Pixels:
    image: NDArray[np.uint8]

    def read(self) -> NDArray[np.uint8]:
        return self.image


@pytest.fixture
def images() -> Images:
    """Eight noisy images; the second class is brighter."""
    rng = np.random.default_rng(0)
    labels = [LABELS[i % 2] for i in range(8)]
    pixels = [Pixels(rng.integers(0, 100, (36, 40, 3), dtype=np.uint8) + 150 * (i % 2)) for i in range(8)]
    table = pd.DataFrame({"label": labels, "prompt": labels, "synthetic": False})
    return Images(table, LABELS, {label: label for label in LABELS}, pixels)


@pytest.fixture
def context(tmp_path: Path) -> Callable[..., Context]:
    def make(name: str = "out", **changes: Any) -> Context:
        out = tmp_path / name
        out.mkdir()
        return Context(**{"seed": 5, "device": "cpu", "dtype": "float32", "out": out, **changes})

    return make
