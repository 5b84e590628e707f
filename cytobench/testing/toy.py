"""Toy images: three kinds of pictures that are easy to tell apart, and the files that checks are made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cytobench.data.dataset import Dataset
from cytobench.decode import encode_png
from cytobench.images import FilePixels, Images, Pixels

LABELS = ("disc", "ring", "stripe")
SIDE = 64
IMAGES = 48
"""Images of a class that checks use."""
EDITION = 1
"""Raised when the toy images or the requests of the checks change: outputs on record then count no more."""

Rows = list[tuple[str, int]]
"""Classes and indices of toy images."""

_GROUND = (226, 214, 205)
_INK = {"disc": (98, 52, 140), "ring": (214, 92, 60), "stripe": (40, 130, 150)}


def draw(label: str, index: int) -> NDArray[np.uint8]:
    """Toy image ``index`` of a class: RGB uint8 (64, 64, 3), a shape in the class's colour on a pale ground, noisy."""
    rng = np.random.default_rng([LABELS.index(label), index])
    rows, columns = np.mgrid[:SIDE, :SIDE]
    middle = SIDE / 2 + rng.uniform(-4, 4, 2)
    radius = np.hypot(rows - middle[0], columns - middle[1])
    size = rng.uniform(17, 23)
    if label == "disc":
        inked = radius < size
    elif label == "ring":
        inked = (radius < size) & (radius > size - 7)
    else:
        inked = (rows + int(rng.integers(16))) % 16 < 7
    image = np.where(inked[..., None], _INK[label], _GROUND) + rng.normal(0, 6, (SIDE, SIDE, 3))
    return np.clip(image, 0, 255).round().astype(np.uint8)


def rows(labels: Sequence[str], numbers: Sequence[int]) -> Rows:
    """These images of each of these classes, class by class."""
    return [(label, i) for label in labels for i in numbers]


@dataclass(frozen=True)
class Cropped:
    """The upper left part of an image."""

    pixels: Pixels
    height: int
    width: int

    def read(self) -> NDArray[np.uint8]:
        """RGB uint8 (height, width, 3)."""
        return np.ascontiguousarray(self.pixels.read()[: self.height, : self.width])


@dataclass
class Gallery:
    """Image files to check with, drawn where they are not there yet, or those of a data set."""

    folder: Path
    labels: tuple[str, ...] = LABELS
    files: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    """Given files by label; empty where they are drawn."""

    def file(self, label: str, index: int) -> Path:
        """The file of image ``index`` of a class; given files come round again where there are fewer."""
        if self.files:
            return self.files[label][index % len(self.files[label])]
        path = self.folder / label / f"{index:03d}.png"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(draw(label, index)))
        return path

    def draw_all(self) -> None:
        """Have the images of all classes that checks use."""
        for label in self.labels:
            for index in range(IMAGES):
                self.file(label, index)

    def prompt(self, label: str) -> str:
        """The prompt of a class."""
        return f"microscopy image of a {label}"

    def images(self, wanted: Rows, labels: Sequence[str] | None = None) -> Images:
        """Images of these classes and indices in this order; ``labels`` are the columns, by default all classes."""
        columns = tuple(self.labels if labels is None else labels)
        prompts = {label: self.prompt(label) for label in columns}
        table = pd.DataFrame({"label": [label for label, _ in wanted], "synthetic": False})
        table["prompt"] = table["label"].map(prompts)
        return Images(table, columns, prompts, [FilePixels(self.file(label, index)) for label, index in wanted])


def gallery_of(dataset: Dataset, folder: Path) -> Gallery:
    """The images of a data set, by label."""
    files: dict[str, list[Path]] = {label: [] for label in dataset.labels}
    for row, label in enumerate(dataset.table["label"]):
        files[label].append(dataset.path(row))
    return Gallery(folder, dataset.labels, files)
