"""Near-copies in pixels: the difference of two pictures of cells under the eight flips and rotations.

Each picture is brought to 32 x 32 RGB, and the mean over 5 x 5 pixels around each pixel is subtracted from it. What all
cells share (something dark and round on a bright ground), brightness, stain and slow changes of light go with it; what
is left is where lobes, granules and neighbouring red cells lie. The difference of two such pictures a and b is

    sqrt(|a - b|^2 / ((|a|^2 + |b|^2) / 2)),

0 for the same picture, about sqrt(2) for two that have nothing in common, and the smallest over the eight is taken. It
is the normalised Euclidean distance by which Carlini et al. (2023, arXiv 2301.13188) define a near-copy, with the local
mean taken off as they take tiles, because pictures with the same ground are alike without being copies.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32
WINDOW = 5
"""Side in pixels of the square whose mean is subtracted."""

NEAR_COPY = 0.6
"""At most this different, two pictures are near-copies.

The two most alike of 1,100 real cells differ by 0.84, those of thousands of phantom cells by about 0.8; a copy turned,
flipped, saved as JPEG of quality 30, blurred, noisy, paler or restained differs by 0.05 to 0.39 (docs/copying.md).
"""

FLAT = 1e-3
"""Pictures whose root mean square (of values 0 to 1) is below this hold nothing to compare."""

TRANSFORMS = (
    "as it is",
    "turned 90",
    "turned 180",
    "turned 270",
    "flipped",
    "flipped, turned 90",
    "flipped, turned 180",
    "flipped, turned 270",
)
"""Turns are counter-clockwise, in degrees, and follow the flip, which is left to right."""

Prints = NDArray[np.float32]
"""What is left of n pictures: (n, SIDE, SIDE, 3)."""


class Pictures(Protocol):
    """Images in order, RGB uint8 (height, width, 3): a list of arrays, or what reads one when it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> NDArray[np.uint8]: ...


def transform(image: NDArray[np.generic], name: str) -> NDArray[np.generic]:
    """An image (height, width, ...) after one of :data:`TRANSFORMS`."""
    flip, turns = divmod(TRANSFORMS.index(name), 4)
    return np.rot90(image[:, ::-1] if flip else image, turns)


def prints(images: Pictures) -> Prints:
    """What the comparison sees of images, RGB uint8 (height, width, 3) of any size."""
    small = np.empty((len(images), SIDE, SIDE, 3), dtype=np.uint8)
    for i in range(len(images)):
        picture = Image.fromarray(np.ascontiguousarray(images[i])).resize((SIDE, SIDE), Image.Resampling.BOX)
        small[i] = np.asarray(picture)
    return local_contrast(small)


def local_contrast(pictures: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Small pictures (n, side, side, channels) without the mean around each pixel, and without their own.

    Values 0 to 255 of uint8 become 0 to 1 first; floats stay as they are.
    """
    from scipy.ndimage import uniform_filter

    small = pictures.astype(np.float32) / 255 if pictures.dtype == np.uint8 else pictures
    left = small - uniform_filter(small, size=(0, WINDOW, WINDOW, 0), mode="nearest")
    return np.asarray(left - left.mean(axis=(1, 2), keepdims=True), dtype=np.float32)


def differences(prints: Prints, others: Prints) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Difference of each of n pictures to each of m others, (n, m), and the transform of the other that gives it.

    The second array holds indices into :data:`TRANSFORMS`.
    """
    flat = prints.reshape(len(prints), -1)
    energy = (flat**2).sum(axis=1)[:, None]
    smallest = np.full((len(prints), len(others)), np.inf, dtype=np.float32)
    which = np.zeros(smallest.shape, dtype=np.int64)
    for index, name in enumerate(TRANSFORMS):
        turned = np.stack([transform(other, name) for other in others]) if len(others) else others
        turned = turned.reshape(len(others), -1)
        energy_of_both = (energy + (turned**2).sum(axis=1)) / 2
        apart = np.maximum(2 * energy_of_both - 2 * flat @ turned.T, 0)
        blank = energy_of_both < FLAT**2 * flat.shape[1]
        difference = np.where(blank, np.sqrt(2), np.sqrt(apart / np.where(blank, 1, energy_of_both)))
        closer = difference < smallest
        smallest[closer] = difference[closer]
        which[closer] = index
    return smallest, which
