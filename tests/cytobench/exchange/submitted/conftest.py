"""Twelve images of each of A, B and C, their split, and a run on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cytobench.api import RunResult, run
from cytobench.cli import main

FOLDS = 3
Run = Callable[..., RunResult]


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the images and ``split.csv``, as the command makes it; not to be changed."""
    folder = tmp_path_factory.mktemp("drawn")
    for i in range(36):
        file = folder / "cells" / "ABC"[i // 12] / f"{i % 12:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (16, 16, 3), np.uint8)).save(file)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setenv("CYTOBENCH_CACHE", str(folder / "cache"))
        main(["data", "split", str(folder / "cells"), "--folds", str(FOLDS), "--out", str(folder / "split.csv")])
    assert not ended.value.code
    return folder


@pytest.fixture
def cells(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The images; the cache and the current folder are the test's own."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(drawn / "cells", tmp_path / "cells")
    return tmp_path / "cells"


@pytest.fixture
def split(drawn: Path, cells: Path) -> pd.DataFrame:
    """Their split, ``split.csv`` in the current folder."""
    shutil.copy(drawn / "split.csv", cells.parent)
    return pd.read_csv(drawn / "split.csv")


@pytest.fixture
def run_on_cells(cells: Path) -> Run:
    """A run of ``repeat`` and ``random`` into ``out``; arguments replace its settings."""

    def call(**changes: Any) -> RunResult:
        values: dict[str, Any] = {
            "dataset": str(cells), "preset": "pocket", "generator": ["repeat"], "classifier": ["random"],
            "synthetic": [0, 3], "shots": [2], "folds": FOLDS, "device": "cpu", "out": cells.parent / "out",
        }  # fmt: skip
        return run(**{**values, **changes})

    return call
