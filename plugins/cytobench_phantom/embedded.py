"""The phantom as a data set of cytobench: drawn once into the cache folder, then read like any folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cytobench.atomic import making_folder
from cytobench.data.dataset import Dataset
from cytobench.data.folder import load_folder
from cytobench_phantom.dataset import write
from cytobench_phantom.morphology import CODES, COUNTS, LABELS

SEED = 2507
"""The seed of the evaluation images; part of what the data set is."""
EDITION = 2
"""Raised when the drawn images change."""
FRESH = 20
"""Images a class of ``phantom-fresh``."""


def open_phantom(folder: Path) -> Dataset:
    """The phantom, 801 images of 15 classes, 128 px. Drawn into ``folder`` if it is not there yet."""
    return _open("phantom", folder, "evaluation", COUNTS)


def open_fresh(folder: Path) -> Dataset:
    """20 images of each class of the phantom, from a stream of their own: none of them is in it."""
    return _open("phantom-fresh", folder, "fresh", dict.fromkeys(LABELS, FRESH))


def _open(name: str, folder: Path, stream: str, counts: Mapping[str, int]) -> Dataset:
    drawn = folder / f"{name}-{EDITION}"
    if not drawn.exists():
        try:
            with making_folder(folder, f".{name}-") as unfinished:
                write(unfinished, SEED, counts, stream)
                unfinished.chmod(0o755)
                os.replace(unfinished, drawn)
        except OSError:
            # Another process drew it at the same time; the images are the same.
            if not drawn.exists():
                raise
    dataset = load_folder(drawn, folder.parent)
    return replace(dataset, name=name, labels=LABELS, codes=CODES)
