"""A split that ``cytobench data split`` wrote, read back: which image is tested in which fold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cytobench.assets import file_digest
from cytobench.data.listing import some_of
from cytobench.data.tables import read_table
from cytobench.errors import UserError, option

if TYPE_CHECKING:
    import pandas as pd

PARTS: Mapping[str, str] = {"train": "train", "val": "validation", "test": "test"}
"""A split's words for its parts, and those of records."""


@dataclass(frozen=True, eq=False)
class SplitFile:
    """The real images of a split.

    ``table`` has the columns ``path`` (no two alike), ``label`` and ``fold0`` to ``foldN``, each ``train``, ``val``,
    ``test`` or empty, as str. ``digest`` is the SHA-256 of the file, in hex.
    """

    file: Path
    digest: str
    table: pd.DataFrame
    folds: int

    @property
    def labels(self) -> tuple[str, ...]:
        """All classes, sorted."""
        return tuple(sorted(set(self.table["label"])))

    @property
    def train_only(self) -> tuple[str, ...]:
        """Classes that no fold tests."""
        tested = set(self.images("test")["label"])
        return tuple(label for label in self.labels if label not in tested)

    def images(self, part: str) -> pd.DataFrame:
        """``label`` and ``fold`` (int) by ``path`` of every image that a fold has in this part (``val``, ``test``)."""
        import pandas as pd

        tables = [
            self.table.loc[self.table[f"fold{fold}"] == part, ["path", "label"]].assign(fold=fold)
            for fold in range(self.folds)
        ]
        return pd.concat(tables).set_index("path")

    def counts(self, fold: int) -> dict[str, dict[str, int]]:
        """Images by class in ``train``, ``validation`` and ``test`` of a fold."""
        column = self.table[f"fold{fold}"]
        return {
            name: {label: int(number) for label, number in self._of(column == part).items()}
            for part, name in PARTS.items()
        }

    def _of(self, rows: pd.Series[bool]) -> dict[str, int]:
        counts = self.table.loc[rows, "label"].value_counts()
        return {label: int(counts.get(label, 0)) for label in self.labels}


def read_split_file(file: Path) -> SplitFile:
    """Read a split. Raises UserError for what is none, and for one that tests synthetic images or an image twice."""
    table = read_table(file, option("split", file))
    columns = [str(name) for name in table.columns]
    folds = sum(re.fullmatch(r"fold\d+", name) is not None for name in columns)
    names = [f"fold{fold}" for fold in range(folds)]
    missing = [name for name in ("path", "label", *(names or ["fold0"])) if name not in columns]
    if missing:
        raise _no_split(file, f"has no column {missing[0]}")
    table = table[["path", "label", *names]].fillna("").astype(str)
    if table.empty:
        raise _no_split(file, "holds no images")
    strange = sorted({value for name in names for value in table[name]} - {*PARTS, ""})
    if strange:
        raise _no_split(file, f"has a part {strange[0]!r}, which is none of {', '.join(PARTS)}")
    synthetic = table["path"] == "synthetic/" + table["label"] + "/" + table["path"].str.rpartition("/")[2]
    _refuse_synthetic(file, table[synthetic], names)
    split_file = SplitFile(file, file_digest(file), table[~synthetic].reset_index(drop=True), folds)
    _refuse_twice(split_file)
    return split_file


def _refuse_synthetic(file: Path, synthetic: pd.DataFrame, names: Sequence[str]) -> None:
    tested = synthetic[synthetic[names].isin(["val", "test"]).any(axis=1)]
    if len(tested):
        raise UserError(
            f"{option('split', file)} tests {len(tested)} synthetic images, {tested['path'].iloc[0]} among them, which "
            f"another system cannot have. Make the split without {option('synthetic')}."
        )


def _refuse_twice(split_file: SplitFile) -> None:
    double = split_file.table["path"].duplicated()
    if double.any():
        raise _no_split(split_file.file, f"names {split_file.table.loc[double, 'path'].iloc[0]} twice")
    tested = split_file.images("test").index
    if not len(tested):
        raise _no_split(split_file.file, "tests no image")
    if tested.has_duplicates:
        paths = sorted(set(tested[tested.duplicated()]))
        raise UserError(f"{option('split', split_file.file)}: images are tested in several folds:\n{some_of(paths)}")


def _no_split(file: Path, why: str) -> UserError:
    return UserError(f"{option('split', file)} {why}. Make it with `cytobench data split DATASET --out SPLIT.csv`.")
