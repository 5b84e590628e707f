"""Which of many images nearly equal one of many others: normalised correlation of small pictures, brought into line.

Each image becomes a thumbnail of 32 x 32 RGB, and the mean over 5 x 5 pixels around each pixel is taken off
(:mod:`cytobench.metrics.copying.pixels`). Two steps follow, as in image registration (Lewis 1995, "Fast normalized
cross-correlation"):

1. *Candidates.* Grey pictures of 16 x 16, under the eight flips and turns and nine shifts by a pixel (6 % of the side),
   against all others: matrix products, in the 96 directions in which the others differ most (principal components).
   The three that correlate most are looked at.
2. *Verification.* The thumbnails in colour are brought into line: the peak of their cross-correlation, by Fourier
   transform, at half a pixel of 32, for shifts up to an eighth of the side, with the image as it is, cut, and widened
   by a tenth.

The difference of the two is sqrt(2 (1 - r)), r being the correlation at the peak: 0 for the same picture, about 1.4 for
two that have nothing in common. It is the distance of Carlini et al. (2023, arXiv 2301.13188) between vectors of length
1, so that brightness, contrast and stain do not count. What it finds and what not: docs/copying.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cytobench.metrics.copying.pixels import FLAT, SIDE, TRANSFORMS, local_contrast, transform

NEAR = 0.7
"""At most this different, an image nearly equals the other (docs/copying.md says where it lies and why)."""

REVISION = 1
"""Raised when other images would be found."""

ZOOMS = (1.0, 0.9, 1.1)
"""The shares of its side that an image is seen with: all of it, the middle of it, and it with an edge around."""

COARSE = 16
COMPONENTS = 96
CANDIDATES = 3
LEAST = 0.5
"""Candidates that correlate less than this in the first step are not looked at."""
REACH = 4
"""How far two thumbnails may be shifted, in pixels of 32."""
FINER = 2
"""Places of the peak in a pixel."""

FLAT_APART = 1.0
"""Of values 0 to 255: thumbnails without any contrast equal each other if they differ by no more on average."""

_QUERIES, _OTHERS = 64, 2048
"""What is multiplied at a time: the product of one turn and shift, 0.5 MB, stays in a processor's cache."""

Thumbnails = NDArray[np.uint8]
"""Of n images: (n, SIDE, SIDE, 3)."""


@dataclass(frozen=True)
class Match:
    """The image that another one nearly equals: its position, and the difference, 0 to ``NEAR``."""

    other: int
    difference: float


def thumbnail(image: NDArray[np.uint8], zoom: float = 1.0) -> NDArray[np.uint8]:
    """What is compared of an image, RGB uint8 (height, width, 3) of any size; ``zoom`` is one of ``ZOOMS``."""
    height, width = image.shape[:2]
    top, left = round(height * abs(1 - zoom) / 2), round(width * abs(1 - zoom) / 2)
    if zoom < 1:
        image = image[top : height - top, left : width - left]
    elif zoom > 1:
        image = np.pad(image, ((top, top), (left, left), (0, 0)), mode="edge")
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX))


def seen(image: NDArray[np.uint8]) -> Thumbnails:
    """An image as it is searched for: its thumbnails in the order of ``ZOOMS``, uint8 (3, SIDE, SIDE, 3)."""
    return np.stack([thumbnail(image, zoom) for zoom in ZOOMS])


class Others:
    """The images that near-equals are searched among."""

    def __init__(self, thumbnails: Thumbnails) -> None:
        """``thumbnails`` are of :func:`thumbnail`, as the images are."""
        self._thumbnails = thumbnails
        prints = local_contrast(thumbnails)
        coarse = _coarse(thumbnails).reshape(len(thumbnails), -1)
        self._components = _components(_unit(coarse))
        self._coarse = _unit(coarse @ self._components)
        self._flat = np.flatnonzero(_is_flat(prints))

    def __len__(self) -> int:
        return len(self._thumbnails)

    def search(self, images: Thumbnails) -> list[Match | None]:
        """For each image the one it nearly equals, the nearest of several; None where there is none.

        ``images`` are (n, 3, SIDE, SIDE, 3): :func:`seen` of each.
        """
        matches: list[Match | None] = []
        for start in range(0, len(images), _QUERIES):
            matches += self._search(images[start : start + _QUERIES])
        return matches

    def _search(self, images: Thumbnails) -> list[Match | None]:
        prints = local_contrast(images.reshape(-1, SIDE, SIDE, 3)).reshape(*images.shape)
        matches: list[Match | None] = [None] * len(images)
        for query in np.flatnonzero(_is_flat(prints[:, 0])):
            matches[query] = self._same_colour(images[query, 0])
        queries, others, turns = self._candidates(images[:, 0])
        if not len(queries):
            return matches
        with_other = local_contrast(self._thumbnails[others])
        nearest = np.full(len(queries), np.inf, dtype=np.float32)
        for turn in np.unique(turns):
            rows = np.flatnonzero(turns == turn)
            for zoom in range(len(ZOOMS)):
                turned = _turned(prints[queries[rows], zoom], TRANSFORMS[turn])
                nearest[rows] = np.minimum(nearest[rows], _difference_in_line(turned, with_other[rows]))
        for query, other, difference in zip(queries, others, nearest, strict=True):
            before = matches[query]
            if difference <= NEAR and (before is None or difference < before.difference):
                matches[query] = Match(int(other), float(difference))
        return matches

    def _candidates(self, thumbnails: Thumbnails) -> tuple[NDArray[np.int64], ...]:
        """Pairs to look at: position of the image, of the other, and the turn of the image that fits best."""
        coarse = _coarse(thumbnails)
        views = np.stack([_unit(view.reshape(len(coarse), -1) @ self._components) for view in _views(coarse)])
        correlation = np.empty((len(thumbnails), len(self)), dtype=np.float32)
        for start in range(0, len(self), _OTHERS):
            part = self._coarse[start : start + _OTHERS].T
            most = correlation[:, start : start + _OTHERS]
            most[:] = -1
            for view in views:
                np.maximum(most, view @ part, out=most)
        several = min(CANDIDATES, len(self))
        best = np.argpartition(-correlation, several - 1, axis=1)[:, :several]
        queries, places = np.nonzero(np.take_along_axis(correlation, best, axis=1) >= LEAST)
        others = best[queries, places]
        fitting = np.einsum("vpd,pd->vp", views[:, queries], self._coarse[others]).argmax(axis=0)
        return queries, others, fitting // (len(views) // len(TRANSFORMS))

    def _same_colour(self, image: NDArray[np.uint8]) -> Match | None:
        """The other without any contrast that has the same colour."""
        apart = np.abs(self._thumbnails[self._flat].astype(np.float32) - image).mean(axis=(1, 2, 3))
        if not len(apart) or apart.min() > FLAT_APART:
            return None
        return Match(int(self._flat[apart.argmin()]), 0.0)


def _coarse(thumbnails: Thumbnails) -> NDArray[np.float32]:
    """Grey pictures (n, COARSE, COARSE) without their local mean."""
    step = SIDE // COARSE
    blocks = thumbnails.reshape(len(thumbnails), COARSE, step, COARSE, step, 3)
    grey = blocks.mean(axis=(2, 4, 5), dtype=np.float32) / 255
    return local_contrast(grey[..., None])[..., 0]


def _components(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The directions (d, at most COMPONENTS) in which the vectors (n, d) have most of their length."""
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    return np.ascontiguousarray(directions[:, : -COMPONENTS - 1 : -1])


def _views(pictures: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """The pictures (n, side, side) under all flips and turns, and for each of these under nine shifts."""
    for name in TRANSFORMS:
        turned = _turned(pictures, name)
        padded = np.pad(turned, ((0, 0), (1, 1), (1, 1)))
        for down in range(3):
            for right in range(3):
                yield padded[:, down : down + COARSE, right : right + COARSE]


def _turned(pictures: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Pictures (n, side, side, ...) after one of ``TRANSFORMS``."""
    turned = transform(np.moveaxis(pictures, 0, 2), name)
    return np.asarray(np.moveaxis(turned, 2, 0), dtype=np.float32)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors (n, d) at length 1; those without length stay as they are."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))


def _is_flat(prints: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray((prints**2).mean(axis=(1, 2, 3)) < FLAT**2)


def _difference_in_line(prints: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """The difference (n,) of each print to the other at its place, both (n, SIDE, SIDE, 3), brought into line."""
    from scipy.fft import irfft2, rfft2

    side = SIDE + 2 * REACH  # with an edge of zeros, so that what is shifted out does not come in again
    spectra = [rfft2(pictures, s=(side, side), axes=(1, 2)) for pictures in (prints, others)]
    product = (spectra[0] * spectra[1].conj()).sum(axis=3)
    half = side // 2
    finer = np.zeros((len(prints), FINER * side, FINER * half + 1), dtype=product.dtype)
    finer[:, :half, : half + 1], finer[:, -half:, : half + 1] = product[:, :half], product[:, half:]
    correlation = irfft2(finer, s=(FINER * side, FINER * side), axes=(1, 2)) * FINER**2
    near = np.arange(-FINER * REACH, FINER * REACH + 1)
    peak = correlation[:, near[:, None], near].max(axis=(1, 2))
    energy = np.sqrt((prints**2).sum(axis=(1, 2, 3)) * (others**2).sum(axis=(1, 2, 3)))
    r = np.divide(peak, energy, out=np.zeros_like(peak), where=energy > 0)
    return np.asarray(np.sqrt(2 * np.clip(1 - r, 0, None)), dtype=np.float32)
