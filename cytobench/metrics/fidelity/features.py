"""Features of images, with what is known of the images."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FeatureArray = NDArray[np.float32]
"""Features (n, d) of n images."""


@dataclass(frozen=True)
class FeatureSet:
    """Features float32 (n, d) of images; the label of each, and its group (patient), None where it has none."""

    features: FeatureArray
    labels: Sequence[str]
    groups: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.features)

    def of(self, label: str) -> FeatureSet:
        """The images of one class."""
        return self.among([label])

    def among(self, labels: Collection[str]) -> FeatureSet:
        """The images of these classes."""
        rows = [row for row, label in enumerate(self.labels) if label in labels]
        return FeatureSet(self.features[rows], [self.labels[row] for row in rows], [self.groups[row] for row in rows])
