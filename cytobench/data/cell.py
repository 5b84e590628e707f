"""Where the white cell of an image is: its nucleus and the rim around it, without neighbours and ground."""

from __future__ import annotations

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


def cell_region(square: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels of an RGB square (side, side, 3), 128 px or so wide, belong to the cell in its middle.

    Stained nuclei are darkest in green. The green values are divided into three by the thresholds of Otsu's method
    (Liao, Chen and Chung, "A fast algorithm for multilevel thresholding", 2001; scikit-image): nuclei, red cells with
    cytoplasm, ground. The nucleus is the connected part of the darkest third that weighs most near the centre; all
    within ``RIM`` pixels of it is the cell.
    """
    from scipy import ndimage
    from skimage.filters import threshold_multiotsu

    height, width = square.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2)
    green = ndimage.gaussian_filter(square[..., 1].astype(np.float32), SMOOTHED).astype(np.uint8)
    if len(np.unique(green)) < 3:
        return np.asarray(distance <= DISC)
    parts, number = ndimage.label(green <= threshold_multiotsu(green, 3)[0])
    weights = ndimage.sum_labels(np.exp(-((distance / CENTRE) ** 2)), parts, np.arange(1, number + 1))
    nucleus = parts == 1 + int(np.argmax(weights))
    return np.asarray(ndimage.distance_transform_edt(~nucleus) <= RIM)
