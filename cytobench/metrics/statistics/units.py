"""What is drawn anew and swapped as a whole: an image, or all images of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def grouped(predictions: pd.DataFrame) -> bool:
    """Whether predictions name a group (patient, slide) of any image."""
    return "group" in predictions and bool(predictions["group"].notna().any())


def unit_numbers(predictions: pd.DataFrame) -> NDArray[np.int64]:
    """A number from 0 of each row's ``group``, or of its image (``path``) where no group is known."""
    import pandas as pd

    names = predictions["path"].astype(object)
    if "group" in predictions:
        known = predictions["group"].notna()
        names = names.where(~known, predictions["group"].map(lambda group: ("group", group)))
    return np.asarray(pd.factorize(names)[0], dtype=np.int64)
