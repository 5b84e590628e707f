"""Which images of a data set a generator made elsewhere has seen: the file that the option ``trained_on`` names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cytobench.data.image_list import read_image_list

if TYPE_CHECKING:
    from cytobench._dataset import Dataset

DECLARATIONS = ("per-fold", "external")
"""What may be said in place of a file: each fold has images of its own; none of this data was seen."""


def read_seen(file: Path, dataset: Dataset) -> list[int]:
    """Row numbers of the images that a file lists, sorted; as :func:`~cytobench.data.image_list.read_image_list`."""
    return sorted(read_image_list(file, dataset, "trained_on", DECLARATIONS))
