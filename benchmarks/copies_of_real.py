"""How well copies of real images are found: ``python benchmarks/copies_of_real.py [--cells DIR] [--json FILE]``.

Of phantom cells, and with ``--cells`` of a folder of classes of real ones: how often a cell is taken for a copy of
another (false alarms; nearest of all others), how often a changed copy is found with the cell it is of, and how many
images a second are compared with so many real ones as the study has (18,365).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from copied_cells import jpeg, noisy, scaled
from cytobench.atomic import write_bytes
from cytobench.decode import decode_image
from cytobench.metrics.copying import search
from cytobench.metrics.copying.search import Match, Others, seen, thumbnail
from cytobench_phantom.dataset import draw
from cytobench_phantom.morphology import LABELS

Picture = NDArray[np.uint8]
CELLS, SIDE, SEED = 100, 96, 11
"""Phantom cells of a class, their side, and their seed."""
STUDY = 18_365
RNG = np.random.default_rng(SEED)


def shifted(cell: Picture, right: float, down: float) -> Picture:
    """The cell moved by shares of its side; its edge goes on where it leaves."""
    x, y = round(right * cell.shape[1]), round(down * cell.shape[0])
    edge = max(abs(x), abs(y), 1)
    padded = np.pad(cell, ((edge, edge), (edge, edge), (0, 0)), mode="edge")
    return padded[edge - y : edge - y + cell.shape[0], edge - x : edge - x + cell.shape[1]]


def cut(cell: Picture, share: float) -> Picture:
    """The cell without this share of its sides on each side."""
    edge = max(1, round(share * cell.shape[0]))
    return cell[edge:-edge, edge:-edge]


def resized(cell: Picture, side: int) -> Picture:
    """The cell at another side."""
    return np.asarray(Image.fromarray(cell).resize((side, side), Image.Resampling.BICUBIC))


def blurred(cell: Picture) -> Picture:
    """The cell out of focus."""
    return np.asarray(Image.fromarray(cell).filter(ImageFilter.GaussianBlur(cell.shape[0] / 60)))


def one_value(cell: Picture) -> Picture:
    """The cell with one value of one pixel changed."""
    changed = cell.copy()
    changed[0, 0, 0] ^= 128
    return changed


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    "one value": one_value,
    "JPEG, quality 30": lambda cell: jpeg(cell, 30),
    "brighter by 40 of 255": lambda cell: np.clip(cell.astype(int) + 40, 0, 255).astype(np.uint8),
    "a third less contrast": lambda cell: (128 + (cell.astype(float) - 128) * 0.67).astype(np.uint8),
    "restained (0.9, 1, 1.1)": lambda cell: scaled(cell, (0.9, 1, 1.1)),
    "noise, SD 25 of 255": lambda cell: noisy(cell, 25, RNG),
    "blurred, SD 1/60 of the side": blurred,
    "turned and flipped": lambda cell: np.ascontiguousarray(np.rot90(cell)[:, ::-1]),
    "512 px": lambda cell: resized(cell, 512),
    "64 px": lambda cell: resized(cell, 64),
    "shifted by 2 %": lambda cell: shifted(cell, 0.02, -0.02),
    "shifted by 5 %": lambda cell: shifted(cell, 0.05, 0.05),
    "shifted by 8 %": lambda cell: shifted(cell, 0.08, -0.08),
    "cut by 2 % on each side": lambda cell: cut(cell, 0.02),
    "cut by 5 % on each side": lambda cell: cut(cell, 0.05),
    "cut by 7 % on each side": lambda cell: cut(cell, 0.07),
    "turned, shifted by 3 %, JPEG 60": lambda cell: jpeg(shifted(np.rot90(cell), 0.03, 0.02), 60),
    "turned by 10 degrees": lambda cell: np.asarray(Image.fromarray(cell).rotate(10, Image.Resampling.BICUBIC)),
}


def nearest_others(cells: Sequence[Picture]) -> list[float]:
    """The difference of each cell to the nearest of the others, whatever it is, where one was looked at."""
    views = np.stack([seen(cell) for cell in cells])
    differences: list[float] = []
    for part in range(10):
        out = np.arange(len(cells)) % 10 == part
        matches = without_limit(Others(views[~out, 0]), views[out])
        differences += [match.difference for match in matches if match is not None]
    return sorted(differences)


def without_limit(others: Others, views: Any) -> list[Match | None]:
    """The nearest of what was looked at, however different."""
    near, search.NEAR = search.NEAR, 2.0
    try:
        return others.search(views)
    finally:
        search.NEAR = near


def measured(cells: Sequence[Picture]) -> dict[str, Any]:
    """False alarms and finds among these cells; copies are of every sixth."""
    apart = nearest_others(cells)
    others = Others(np.stack([thumbnail(cell) for cell in cells]))
    copied = list(range(0, len(cells), 6))
    finds = {}
    for name, change in CHANGES.items():
        matches = without_limit(others, np.stack([seen(np.ascontiguousarray(change(cells[i]))) for i in copied]))
        right = [
            match.difference for match, i in zip(matches, copied, strict=True) if match is not None and match.other == i
        ]
        finds[name] = {
            "found": sum(difference <= search.NEAR for difference in right) / len(copied),
            "median": float(np.median(right)) if right else None,
        }
    return {
        "cells": len(cells),
        "false_alarms": sum(difference <= search.NEAR for difference in apart),
        "smallest_difference_of_two": apart[:5],
        "copies": len(copied),
        "changes": finds,
    }


def speed(cells: Sequence[Picture], images: int = 512) -> dict[str, float]:
    """Images a second: read as PNG of 512 px and made small, and compared with STUDY real ones."""
    small = np.stack([thumbnail(cell) for cell in cells])
    moved = [np.roll(small[i % len(small)], (i * 7 % 32, i * 13 % 32), (0, 1)) for i in range(STUDY)]
    others = Others(np.stack(moved))
    large = resized(cells[0], 512)
    start = time.perf_counter()
    for _ in range(20):
        seen(large)
    making = (time.perf_counter() - start) / 20
    views = np.stack([seen(cells[i % len(cells)]) for i in range(images)])
    start = time.perf_counter()
    others.search(views)
    return {
        "real": STUDY,
        "compared_a_second": images / (time.perf_counter() - start),
        "made_small_a_second": 1 / making,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=Path, help="a folder of classes of real cells")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    drawn = [draw(label, i, SEED, SIDE, stream="copying") for label in LABELS for i in range(CELLS)]
    figures = {"phantom": measured(drawn), "speed": speed(drawn)}
    if options.cells:
        files = sorted(file for file in options.cells.glob("*/*") if file.is_file())
        figures["real"] = measured([decode_image(file) for file in files])
    text = json.dumps(figures, indent=1)
    print(text)
    if options.json:
        write_bytes(options.json, f"{text}\n".encode())


if __name__ == "__main__":
    main()
