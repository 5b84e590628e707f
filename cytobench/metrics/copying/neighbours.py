"""Which real image each synthetic one is nearest to, how much nearer than to any other, and which are the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cytobench.metrics.copying.pixels import NEAR_COPY, Prints, differences

SAME = 0.1
"""Real images at most this share of the median distance apart are near-duplicates.

Different cells of a class, real or phantom, lie at least 0.13 of the median distance apart (docs/copying.md). It is the
median over all pairs, and not over nearest neighbours, because that stays what it is where every image has a twin.
"""

SMALLEST_RATIO = 1e-3
"""Smaller ratios count as this one, d1 = 0 too.

The same picture in another batch or on another device differs by about as much in float32, and no single image may
outweigh all others: it adds at most -log 0.001 = 6.9.
"""


def near_duplicates(
    values: NDArray[np.float64], digests: Sequence[str] | None, prints: Prints | None
) -> NDArray[np.int64]:
    """A number an image (n, d); near-duplicates have the same.

    Two images are near-duplicates if their features lie at most ``SAME`` of the median distance of all pairs apart, if
    their digests are equal, or if they are near-copies in pixels; and so is what such pairs connect.
    """
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial.distance import pdist, squareform

    if len(values) < 2:
        return np.zeros(len(values), dtype=np.int64)
    apart = pdist(values)
    same = squareform(apart) <= SAME * np.median(apart)
    if digests is not None:
        numbers = np.unique(np.asarray(digests, dtype=str), return_inverse=True)[1]
        same |= numbers[:, None] == numbers[None, :]
    if prints is not None:
        same |= differences(prints, prints)[0] <= NEAR_COPY
    _, units = connected_components(same, directed=False)
    return np.asarray(units, dtype=np.int64)


def nearest_ratios(
    synthetic: NDArray[np.float64],
    real: NDArray[np.float64],
    units: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each synthetic image its nearest real one, and the ratio r = d1 / d2, ``SMALLEST_RATIO`` to 1.

    d1 is the distance to the nearest, d2 to the next one that is of another unit (so no near-duplicate of it) and,
    where ``groups`` names more than one, of another group. No label is looked at. Where there is no next one r is 1:
    nothing is said. Of images at the same distance the first counts, so the order of ``real`` may not follow labels.
    """
    from scipy.spatial.distance import cdist

    distances = cdist(synthetic, real)
    nearest = distances.argmin(axis=1)
    first = distances[np.arange(len(synthetic)), nearest]
    excluded = units[nearest][:, None] == units[None, :]
    if groups is not None and len(np.unique(groups)) > 1:
        excluded |= groups[nearest][:, None] == groups[None, :]
    second = np.where(excluded, np.inf, distances).min(axis=1)
    comparable = np.isfinite(second) & (second > 0)
    ratios = np.ones(len(synthetic))
    np.divide(first, second, out=ratios, where=comparable)
    return np.asarray(nearest, dtype=np.int64), ratios.clip(SMALLEST_RATIO, 1)


def group_numbers(groups: Sequence[Any]) -> NDArray[np.int64]:
    """A number an image; images of one group have the same, and an image without a group (None, "") one of its own."""
    names: dict[Any, int] = {}
    keys = [("known", group) if group else ("alone", i) for i, group in enumerate(groups)]
    return np.array([names.setdefault(key, len(names)) for key in keys], dtype=np.int64)
