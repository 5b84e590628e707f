"""Where the white cell of an image is: its nucleus and the rim around it, without neighbours and ground."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

SMOOTHED = 1.0
"""Standard deviation, in pixels, of the Gaussian that the green channel is smoothed with before it is divided."""

CENTRE = 32.0
"""Standard deviation, in pixels, of the weight that says how near the centre a nucleus is."""

RIM = 12
"""Pixels around the nucleus that belong to the cell: cytoplasm, further lobes, and its outline."""

DISC = 40
"""Radius, in pixels, of the disc that is taken where no nucleus is found."""


def cell_region(green: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels belong to the cell in the middle of a square, by its green channel (side, side), 128 px or so wide.

    Stained nuclei are darkest in green. The values are divided into three by the thresholds of Otsu's method (Liao,
    Chen and Chung, "A fast algorithm for multilevel thresholding", 2001; scikit-image): nuclei, red cells with
    cytoplasm, ground. The nucleus is the connected part of the darkest third that weighs most near the centre; all
    within ``RIM`` pixels of it is the cell.
    """
    from scipy import ndimage
    from skimage.filters import threshold_multiotsu

    distance = _from_centre(len(green))
    smooth = ndimage.gaussian_filter(green, SMOOTHED)
    if len(np.unique(smooth)) < 3:
        return np.asarray(distance <= DISC)
    parts, _ = ndimage.label(smooth <= threshold_multiotsu(smooth, 3)[0])  # type: ignore[no-untyped-call]
    weights = np.bincount(parts.ravel(), np.exp(-((distance / CENTRE) ** 2)).ravel())
    nucleus = parts == 1 + int(np.argmax(weights[1:]))
    return np.asarray(ndimage.distance_transform_edt(~nucleus) <= RIM)


@cache
def _from_centre(side: int) -> NDArray[np.float64]:
    """Each pixel's distance from the middle of a square."""
    rows, columns = np.mgrid[:side, :side]
    return np.asarray(np.hypot(rows - (side - 1) / 2, columns - (side - 1) / 2))
