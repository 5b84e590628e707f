"""The phantom as a data set: image `index` of a class is the same for a seed, whatever else is drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cytobench_phantom.morphology import COUNTS, draw_cell, draw_smear
from cytobench_phantom.render import render


def draw(label: str, index: int, seed: int, size: int = 128, stream: str = "evaluation") -> NDArray[np.uint8]:
    """Image `index` (from 0) of a class: (size, size, 3) RGB uint8.

    Streams never share an image: "evaluation" is the data set itself, "oracle" is for fresh draws from the
    same distribution, "judge" for an independent classifier, "fresh" for a further test set.
    Raises `KeyError` for an unknown label.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, _number(stream), _number(label), index]))
    return render(draw_cell(label, rng), draw_smear(rng), size, rng)


def write(folder: Path, seed: int, counts: Mapping[str, int] = COUNTS, stream: str = "evaluation") -> None:
    """Write the images of a stream as 128 px PNGs `folder/LABEL/0000.png`, same bytes for the same seed."""
    for label, count in counts.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            Image.fromarray(draw(label, index, seed, stream=stream)).save(
                folder / label / f"{index:04d}.png", compress_level=6
            )


def _number(name: str) -> int:
    """A name as a number that is the same in every process, which hash() is not."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
