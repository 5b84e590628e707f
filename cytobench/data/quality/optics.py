"""How an image is taken: how sharp it and its cell are, and how much of it is lost in white or in black.

All is measured on one small grey picture: the central square of the image, ``CROP`` of its shorter side, scaled to
``SIDE`` pixels. So images of different sizes compare, and the noise of single pixels counts for little.
``benchmarks/sharpness.py`` measures how well these and other measures tell blurred images from sharp ones; docs/data.md
shows the figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cytobench.data.quality.cell import cell_region

CROP = 345 / 400
"""Side of the central square as a share of the shorter side: what a classifier sees under ``strict``."""

SIDE = 128
"""Side in pixels that the square is scaled to before anything is measured."""

WHITE, BLACK = 250, 5
"""Grey values (0..255) from which, and up to which, a pixel counts as white or as black."""

REVISION = 2
"""Raised when a measure gives another value for the same pixels; remembered values of another one are not used."""


@dataclass(frozen=True)
class Optics:
    """The measures of one image; see :func:`measure`."""

    sharpness: float
    cell_sharpness: float
    white: float
    black: float


def measure(image: NDArray[np.uint8]) -> Optics:
    """Measure an image, RGB uint8 (height, width, 3) in 0..255, by its :func:`central_grey` picture.

    ``sharpness`` is the variance of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy:
    a comparative study", ICPR 2000) divided by the variance of the grey values, so that contrast and exposure cancel
    out. It has no unit and is at least 0; a flat image has 0, noise alone about 20, a sharp cell 0.02 to 0.5.
    ``cell_sharpness`` is that of the cell alone, found by :func:`~cytobench.data.quality.cell.cell_region`, by
    :func:`cell_sharpness_of`. ``white`` and ``black`` are the shares,
    0..1, of pixels from ``WHITE`` and up to ``BLACK``.
    """
    grey = central_grey(image)
    return Optics(
        sharpness=sharpness_of(grey),
        cell_sharpness=cell_sharpness_of(grey, cell_region(central_green(image))),
        white=float((grey >= WHITE).mean()),
        black=float((grey <= BLACK).mean()),
    )


def sharpness_of(grey: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of a grey picture (height, width), over the variance of its grey values."""
    from scipy import ndimage

    values = grey.astype(np.float32)
    contrast = values.var()
    return float(ndimage.laplace(values).var() / contrast) if contrast else 0.0


def cell_sharpness_of(grey: NDArray[np.uint8], region: NDArray[np.bool_]) -> float:
    """How sharp the cell of a grey picture is, whatever lies around it; ``region`` says where it is.

    The variance of the Laplacian within the region, over the mean squared gradient (Sobel) there: fine structure in
    relation to all structure, so that granules and lobes count less than they do for ``sharpness``. No unit; a flat
    cell has 0, noise alone about 0.8, a sharp cell 0.01 to 0.1.
    """
    from scipy import ndimage

    values = grey.astype(np.float32)
    slope = (ndimage.sobel(values, 0)[region] ** 2 + ndimage.sobel(values, 1)[region] ** 2).mean()
    return float(ndimage.laplace(values)[region].var() / slope) if slope else 0.0


def central_grey(image: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """The central square of an RGB image in grey (ITU-R 601), uint8 (side, side), by antialiased bilinear scaling."""
    return _scaled(Image.fromarray(_central(image)).convert("L"), side)


def central_green(image: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """The same of the green channel alone."""
    return _scaled(Image.fromarray(_central(image)[..., 1]), side)


def _central(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    square = round(min(height, width) * CROP)
    top, left = (height - square) // 2, (width - square) // 2
    return image[top : top + square, left : left + square]


def _scaled(picture: Image.Image, side: int) -> NDArray[np.uint8]:
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))
