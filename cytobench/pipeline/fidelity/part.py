"""Images with what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cytobench.images import Images


@dataclass(frozen=True)
class Part:
    """Images, in order, with what is known of each.

    ``digests`` are of the pixels before the view, ``groups`` the patients or slides (None where one is not known),
    ``names`` what a reader is told: paths in a data set or folder.
    """

    images: Images
    digests: Sequence[str]
    groups: Sequence[str | None]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.digests)

    @property
    def labels(self) -> list[str]:
        """The class of each image."""
        return list(self.images.table["label"])

    def of(self, label: str) -> Part:
        """The images of one class."""
        return self.take(self.rows(label))

    def rows(self, label: str) -> list[int]:
        """The positions of the images of one class."""
        return [row for row, row_label in enumerate(self.labels) if row_label == label]

    def without(self, digests: Sequence[str]) -> Part:
        """The images whose pixels are none of these."""
        known = set(digests)
        return self.take([row for row, digest in enumerate(self.digests) if digest not in known])

    def take(self, rows: Sequence[int]) -> Part:
        """The images at these positions, in this order."""
        return Part(
            images=self.images.take(rows),
            digests=[self.digests[row] for row in rows],
            groups=[self.groups[row] for row in rows],
            names=[self.names[row] for row in rows],
        )
