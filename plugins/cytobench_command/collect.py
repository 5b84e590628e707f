"""What programs leave: checked, and taken over."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cytobench.data.tables import read_table
from cytobench.decode import BadImage, decode_image
from cytobench.errors import CytobenchError, UserError
from cytobench.storage.records.checks import SUM_TOLERANCE


def holds_files(folder: Path) -> bool:
    """Whether there is a file anywhere in the folder."""
    return any(path.is_file() for path in folder.rglob("*"))


def take_files(folder: Path, into: Path, option: str) -> None:
    """Move a folder that a program filled. Raises CytobenchError for an empty one, links, and what is no file."""
    if folder.is_symlink() or not folder.is_dir() or not holds_files(folder):
        raise CytobenchError(f"command.{option} left no file in {folder.name}/: what it makes must be written there.")
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            kind = "a link" if stat.S_ISLNK(mode) else "no plain file"
            where = path.relative_to(folder.parent)
            raise CytobenchError(f"command.{option} left {where}, which is {kind}. It must leave files and folders.")
    os.replace(folder, into)


def take_image(file: Path, option: str, name: str) -> NDArray[np.uint8]:
    """The image of a file as RGB uint8 (height, width, 3). Raises CytobenchError if it is not there or cannot be used.

    ``file`` has no link among its folders; ``name`` is what messages call the image.
    """
    if file.resolve() != file or not file.is_file():
        raise CytobenchError(f"command.{option} made no file {file.parent.name}/{file.name} of {name}.")
    try:
        return decode_image(file)
    except BadImage as error:
        raise CytobenchError(f"command.{option}: {name}, {file.parent.name}/{file.name}: {error.reason}.") from error


def take_probabilities(file: Path, names: Sequence[str], labels: Sequence[str], option: str) -> NDArray[np.float32]:
    """Probabilities of images in the order of ``names``: float32 (n, classes), rows sum to 1.

    The file is CSV, or Parquet by its content, with the columns ``path`` (the image's name) and ``p_LABEL`` of every
    label. Raises CytobenchError, with a sentence that says which image or column, for anything else.
    """
    if file.resolve() != file or not file.is_file():
        raise CytobenchError(f"command.{option} left no file {file.name}.")
    try:
        table = _read(file)
        _check_columns(table, labels)
        paths = list(table["path"].astype(str))
        _check_images(paths, names)
        values = _values(table, labels)
    except UserError as error:
        raise CytobenchError(f"command.{option}: {error}") from error
    values /= values.sum(axis=1, keepdims=True)
    rows = {path: row for row, path in enumerate(paths)}
    return values[[rows[name] for name in names]].astype(np.float32)


def _read(file: Path) -> pd.DataFrame:
    with file.open("rb") as opened:
        parquet = opened.read(4) == b"PAR1"
    if not parquet:
        return read_table(file, str(file))
    renamed = file.with_suffix(".parquet")
    os.replace(file, renamed)
    return read_table(renamed, str(renamed))


def _check_columns(table: pd.DataFrame, labels: Sequence[str]) -> None:
    wanted = ["path", *(f"p_{label}" for label in labels)]
    lacking = [name for name in wanted if name not in table]
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise UserError(f"the predictions have no column {lacking[0]}{more}; they have {', '.join(table.columns)}.")
    unknown = [name for name in table.columns if name.startswith("p_") and name not in wanted]
    if unknown:
        raise UserError(f"the predictions have a column {unknown[0]}, and there is no such label.")


def _check_images(paths: Sequence[str], names: Sequence[str]) -> None:
    wanted, predicted = set(names), set(paths)
    if wanted - predicted:
        missing = sorted(wanted - predicted)
        raise UserError(f"{len(missing)} of {len(wanted)} images are not predicted, first {missing[0]}.")
    if predicted - wanted:
        raise UserError(f"the predictions have {min(predicted - wanted)}, which is none of the images.")
    if len(paths) != len(predicted):
        (twice, times), *_ = Counter(paths).most_common(1)
        raise UserError(f"{twice} is predicted {times} times.")


def _values(table: pd.DataFrame, labels: Sequence[str]) -> NDArray[np.float64]:
    columns = [pd.to_numeric(table[f"p_{label}"], errors="coerce") for label in labels]
    values = np.column_stack([column.to_numpy(dtype=float) for column in columns])
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        name, image = f"p_{labels[column]}", table["path"].iloc[row]
        raise UserError(f"{name} of {image} is {table[name].iloc[row]}; a probability is a number from 0 to 1.")
    total = values.sum(axis=1)
    off = np.flatnonzero(np.abs(total - 1) > SUM_TOLERANCE)
    if len(off):
        raise UserError(
            f"the probabilities of {table['path'].iloc[off[0]]} sum to {total[off[0]]:.4g}, not to 1. Give the softmax."
        )
    return values
