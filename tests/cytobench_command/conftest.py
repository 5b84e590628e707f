"""Noise cells, a folder to run in with small programs, and contexts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cytobench.context import Context
from cytobench.images import FilePixels, Images

LABELS = ("A", "B b", "C")

PROGRAMS = {
    # Leaves the names and bytes of the shots, and takes them in turn.
    "fit.py": """
import json, pathlib, shutil, sys
request = json.loads(pathlib.Path(sys.argv[1]).read_text())
for i, file in enumerate(sorted(pathlib.Path(request["shots"]).glob("*/*.png"))):
    shutil.copy(file, pathlib.Path(request["out"]) / f"{i}.png")
""",
    "sample.py": """
import json, pathlib, shutil, sys
request = json.loads(pathlib.Path(sys.argv[1]).read_text())
shots = sorted(pathlib.Path(request["artefact"] or "made").glob("*.png"))
for image in request["images"]:
    shutil.copy(shots[image["index"] % len(shots)], image["path"])
""",
    # The label whose training images have the most bytes is likeliest.
    "train.py": """
import json, pathlib, sys
request = json.loads(pathlib.Path(sys.argv[1]).read_text())
sizes = {label: sum(f.stat().st_size for f in (pathlib.Path(request["train"]) / label).glob("*.png"))
         for label in request["labels"]}
(pathlib.Path(request["out"]) / "largest.txt").write_text(max(sizes, key=sizes.get))
""",
    "predict.py": """
import csv, json, pathlib, sys
request = json.loads(pathlib.Path(sys.argv[1]).read_text())
largest = (pathlib.Path(request["model"]) / "largest.txt").read_text()
with open(request["predictions"], "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["path", *("p_" + label for label in request["labels"])])
    for image in pathlib.Path(request["images"]).iterdir():
        table.writerow([image.name, *(0.8 if label == largest else 0.1 for label in request["labels"])])
""",
}


def write_noise(file: Path, seed: int, side: int = 16) -> None:
    """A noise image."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)).save(file)


def line(program: str) -> str:
    """The command line of a Python program; without site packages it starts at once."""
    return f"{sys.executable} -S -E {program} {{request}}"


def make_images(folder: Path, count: int, labels: tuple[str, ...] = LABELS) -> Images:
    """Noise images, of the labels in turn."""
    for i in range(count):
        write_noise(folder / f"{i}.png", i)
    table = pd.DataFrame({"label": [labels[i % len(labels)] for i in range(count)]})
    table["prompt"] = [f"a cell, {label}" for label in table["label"]]
    table["synthetic"] = False
    pixels = [FilePixels(folder / f"{i}.png") for i in range(count)]
    return Images(table, LABELS, {label: f"a cell, {label}" for label in LABELS}, pixels)


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], bool]], None]:
    """Let a time limit be over once something has happened, however long a busy machine takes for it."""

    def when(happened: Callable[[], bool]) -> None:
        clock = SimpleNamespace(monotonic=lambda: time.monotonic() + (1e6 if happened() else 0))
        monkeypatch.setattr("cytobench_command.program.time", clock)

    return when


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder commands run in, with the programs and twelve noise images of each class in ``cells``."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "a place"  # a space that arguments must survive
    for i in range(36):
        write_noise(place / "cells" / LABELS[i // 12] / f"{i % 12:02d}.png", i)
    for name, program in PROGRAMS.items():
        (place / name).write_text(program)
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def context(tmp_path: Path) -> Callable[..., Context]:
    """A context whose folder is fresh; arguments change it."""

    def make(name: str = "out", **changes: Any) -> Context:
        (tmp_path / name).mkdir()
        values = {"seed": 2**40 + 5, "device": "cpu", "dtype": "float32", "out": tmp_path / name, "labels": LABELS}
        return Context(**{**values, **changes})  # type: ignore[arg-type]

    return make
