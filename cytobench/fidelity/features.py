"""Features of images with what is known of the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cytobench.fidelity.metrics import Features


@dataclass(frozen=True)
class FeatureSet:
    """Features float32 (n, d) of images; the label of each, and its group (patient), None where it has none."""

    features: Features
    labels: Sequence[str]
    groups: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.features)

    def of(self, label: str) -> FeatureSet:
        """The images of one class."""
        rows = [row for row, one in enumerate(self.labels) if one == label]
        return FeatureSet(self.features[rows], [label] * len(rows), [self.groups[row] for row in rows])
