"""How shots are chosen among the images that may be shots: what the option ``select`` says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cytobench._home import expanded
from cytobench._keys import content_key
from cytobench._text import did_you_mean
from cytobench.data.image_list import read_image_list
from cytobench.data.quality.doubtful import OWN_MEDIAN, clipped
from cytobench.errors import UserError, option

if TYPE_CHECKING:
    import pandas as pd

    from cytobench._dataset import Dataset

CHOICES = ("random", "first", "sharpest")
"""What may be said in place of a file that lists images."""

Ranking = Callable[["pd.DataFrame"], "pd.DataFrame"]
"""From the images of one class that may be shots, rows of the data set's table, to those that are taken, in order."""


@dataclass(frozen=True)
class Choice:
    """One way to choose shots. It looks at the images that may be shots alone, never at others."""

    name: str
    """As declared: one of ``CHOICES``, or a file."""
    recorded: str
    """As records tell it: a file is ``listed:`` and the first 12 hex digits of a digest of the paths listed."""
    ranking: Ranking | None
    """None for a random draw."""
    listed: tuple[int, ...] | None = None
    """Rows of the data set that the file lists, in its order; None without a file."""


RANDOM = Choice("random", "random", None)


def find_choice(select: str, dataset: Dataset, cache: Path) -> Choice:
    """The choice that ``select`` names: ``random``, ``first``, ``sharpest`` or a file that lists images.

    ``sharpest`` measures the images, or finds in ``cache`` what is known of them. Raises UserError for another word,
    and for a file as :func:`~cytobench.data.image_list.read_image_list` does.
    """
    if select == "random":
        return RANDOM
    if select == "first":
        return Choice(select, select, lambda images: images.sort_index())
    if select == "sharpest":
        return Choice(select, select, _sharpest(dataset, cache))
    file = expanded(select)
    if not file.exists():
        raise UserError(
            f"{option('select', select)}: no such choice, and no such file.{did_you_mean(select, CHOICES)} Write "
            f"{', '.join(CHOICES)}, or the name of a file that lists images."
        )
    rows = tuple(read_image_list(file, dataset, "select", CHOICES))
    recorded = f"listed:{content_key('listed', {'paths': list(dataset.table['path'].iloc[list(rows)])})[:12]}"
    return Choice(select, recorded, lambda images: images.loc[[row for row in rows if row in images.index]], rows)


def best_first(images: pd.DataFrame) -> pd.DataFrame:
    """Images of one class, the best first, with the column ``badly_exposed``.

    ``images`` has the columns path, quality, white, black, cell_sharpness and label. Where the data set gives a
    quality, the better comes first, and images without one last. Among equals, so among all where none is given, badly
    exposed images (:func:`~cytobench.data.quality.doubtful.clipped`, held against these images alone, and not told of
    fewer than ``OWN_MEDIAN``) come after the others, then the sharper cell comes first, and then the path decides.
    """
    lost = images.index[:0]
    if len(images) >= OWN_MEDIAN:
        lost = clipped(images, "white").index.union(clipped(images, "black").index)
    return images.assign(badly_exposed=images.index.isin(lost)).sort_values(
        ["quality", "badly_exposed", "cell_sharpness", "path"], ascending=[False, True, False, True]
    )


def _sharpest(dataset: Dataset, cache: Path) -> Ranking:
    from cytobench.data.dataset import measured

    measures = measured(dataset, cache)[["cell_sharpness", "white", "black"]]
    return lambda images: best_first(images.join(measures))
