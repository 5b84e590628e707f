"""Images with equal decoded pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Duplicates:
    """Two or more images with the same pixels, in the table's order."""

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    """The different labels among them, sorted."""

    @property
    def contradict(self) -> bool:
        """Whether the same picture bears different labels."""
        return len(self.labels) > 1


def find_duplicates(table: pd.DataFrame) -> list[Duplicates]:
    """Every set of images with equal pixels, from the columns path, label and digest; first by first path."""
    repeated = table[table.duplicated("digest", keep=False)]
    return [
        Duplicates(tuple(rows["path"]), tuple(sorted(set(rows["label"]))))
        for _, rows in repeated.groupby("digest", sort=False)
    ]
