"""Where the thresholds of the copying test lie: ``python benchmarks/near_copies.py [--cells DIR] [--json FILE]``.

How different are two different cells, and how different are a cell and its copy after all that may happen to a copy? In
pixels, against ``NEAR_COPY``, and in features (the pocket CLIP's, mean over flips and rotations), against ``SAME``. On
phantom cells, and with ``--cells`` on a folder of classes of real ones.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter
from scipy.spatial.distance import pdist

from copied_cells import SEED, SIDE, Picture, alter, features, jpeg, noisy, scaled
from cytobench.decode import decode_image
from cytobench.metrics.copying.pixels import differences, prints
from cytobench_phantom.dataset import draw
from cytobench_phantom.morphology import LABELS

CELLS = 200
"""Phantom cells of a class."""
RNG = np.random.default_rng(SEED)


def blurred(cell: Picture) -> Picture:
    """The cell out of focus."""
    return np.array(Image.fromarray(cell).filter(ImageFilter.GaussianBlur(cell.shape[0] / 120)))


def cut(cell: Picture, share: float) -> Picture:
    """The cell without this share of its sides on each side."""
    edge = round(share * cell.shape[0])
    return cell[edge:-edge, edge:-edge]


ALTERED: dict[str, Callable[[Picture], Picture]] = {
    "turned and flipped": lambda cell: np.ascontiguousarray(np.rot90(cell)[:, ::-1]),
    "JPEG, quality 30": lambda cell: jpeg(cell, 30),
    "noise, SD 25 of 255": lambda cell: noisy(cell, 25, RNG),
    "blurred, SD 1/120 of the side": blurred,
    "restained (0.9, 1, 1.1)": lambda cell: scaled(cell, (0.9, 1, 1.1)),
    "a third less contrast": lambda cell: (128 + (cell.astype(float) - 128) * 0.67).astype(np.uint8),
    "turned, JPEG 75, noise SD 5": lambda cell: alter(cell, RNG),
    "cut by 1 % on each side": lambda cell: cut(cell, 0.01),
    "cut by 2 % on each side": lambda cell: cut(cell, 0.02),
    "cut by 5 % on each side": lambda cell: cut(cell, 0.05),
}


def shrunk(cell: Picture) -> Picture:
    """The cell at the side that the pocket CLIP sees."""
    return np.array(Image.fromarray(cell).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def closest(pictures: Any) -> tuple[float, int, int]:
    """The smallest difference of two of these, and which they are."""
    apart = differences(pictures, pictures)[0]
    np.fill_diagonal(apart, np.inf)
    i, j = np.unravel_index(apart.argmin(), apart.shape)
    return float(apart[i, j]), int(i), int(j)


def nearest(values: Any) -> float:
    """The smallest distance of two of these, as a share of the median distance."""
    apart = pdist(values)
    return float(apart.min() / np.median(apart))


def of_phantom() -> dict[str, Any]:
    """The closest cells of a class, over all classes."""
    in_pixels, in_features = [], []
    for label in LABELS:
        cells = [draw(label, i, SEED, SIDE, stream="copying") for i in range(CELLS)]
        in_pixels.append(closest(prints(cells))[0])
        in_features.append(nearest(features(cells)))
    return {"cells": CELLS * len(LABELS), "pixels": min(in_pixels), "features": min(in_features)}


def of_real(folder: Path) -> dict[str, Any]:
    """The closest of all cells in pixels and of each class in features, and the copies of every tenth."""
    files = sorted(file for file in folder.glob("*/*") if file.is_file())
    cells = [decode_image(file) for file in files]
    pictures = prints(cells)
    smallest, i, j = closest(pictures)
    by_class: dict[str, list[Picture]] = {}
    for file, cell in zip(files, cells, strict=True):
        by_class.setdefault(file.parent.name, []).append(shrunk(cell))
    some = list(range(0, len(cells), 10))
    copies = {}
    for name, change in ALTERED.items():
        apart = np.diag(differences(prints([change(cells[k]) for k in some]), pictures[some])[0])
        copies[name] = {"median": float(np.median(apart)), "largest": float(apart.max())}
    return {
        "cells": len(cells),
        "pixels": smallest,
        "closest_pair": [f"{files[k].parent.name}/{files[k].name}" for k in (i, j)],
        "features": {label: nearest(features(of_class)) for label, of_class in by_class.items()},
        "copies": copies,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=Path, help="a folder of classes of real cells")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    figures = {"phantom": of_phantom()}
    if options.cells:
        figures["real"] = of_real(options.cells)
    text = json.dumps(figures, indent=1)
    print(text)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
