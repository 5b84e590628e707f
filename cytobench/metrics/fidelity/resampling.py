"""Subsamples of a set of images, drawn without replacement, whole groups (patients) at a time.

Units are the groups, and each image without one. The spread of a figure comes from subsamples: with g of G units in
each, the variance of the figure on all images is g / (G - g) times that over the subsamples (Shao and Wu 1989, the
delete-d jackknife), which for halves is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

FEWEST_UNITS = 4
"""Units that subsamples can be drawn from."""


@dataclass(frozen=True)
class Units:
    """The rows of each unit of a set of ``n`` images."""

    rows: Sequence[Rows]

    @classmethod
    def of(cls, groups: Sequence[str | None]) -> Units:
        """Units of images whose groups are these, in order; None is an image that belongs to no group."""
        named: dict[str, list[int]] = {}
        alone = []
        for row, group in enumerate(groups):
            if group is None:
                alone.append(np.array([row], dtype=np.int64))
            else:
                named.setdefault(group, []).append(row)
        return cls([*(np.array(rows, dtype=np.int64) for rows in named.values()), *alone])

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def n(self) -> int:
        """Images in all units."""
        return sum(len(rows) for rows in self.rows)

    def share(self, most: int | None) -> int:
        """Units in a subsample: half of them, or fewer, so that it has about ``most`` images."""
        half = len(self) // 2
        return half if most is None else max(1, min(half, round(len(self) * most / self.n)))

    def subsample(self, units: int, rng: np.random.Generator) -> Rows:
        """The rows of so many units drawn without replacement, sorted."""
        return self._joined(rng.permutation(len(self))[:units])

    def halves(self, rng: np.random.Generator) -> tuple[Rows, Rows]:
        """Two disjoint subsamples that hold all rows, of about the same number of images."""
        halves: tuple[list[int], list[int]] = ([], [])
        sizes = [0, 0]
        for unit in rng.permutation(len(self)):
            smaller = int(sizes[1] < sizes[0])
            halves[smaller].append(int(unit))
            sizes[smaller] += len(self.rows[unit])
        return self._joined(halves[0]), self._joined(halves[1])

    def _joined(self, units: Sequence[int] | NDArray[np.int64]) -> Rows:
        nothing = np.array([], dtype=np.int64)
        return np.sort(np.concatenate([nothing, *(self.rows[unit] for unit in units)]))
