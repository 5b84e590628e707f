"""Predictions of any system, read from CSV or Parquet and checked before anything is computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cytobench._text import nearest
from cytobench.data.tables import named_once, read_table
from cytobench.errors import UserError
from cytobench.storage.records.checks import SUM_TOLERANCE, TIE

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("path", "split", "fold", "label", "predicted", "synthetic")
"""The columns that are known besides ``p_LABEL``."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Checked predictions.

    ``source`` is the file, for messages. ``table`` has its known columns, index 0 .. n - 1: ``path``, ``split``,
    ``fold``, ``label`` and ``predicted`` as str, none empty, and ``p_LABEL`` as floats, 0 to 1. ``classes`` are those
    of the probabilities in the order of their columns; empty without them. ``notes`` are sentences about what is odd
    and no mistake.
    """

    source: str
    table: pd.DataFrame
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def read_predictions(file: Path, needed: Sequence[str]) -> Predictions:
    """Read a file of predictions, one row an image, and check it. Raises UserError, one sentence that names the file,
    for no file and no table, and as :func:`check_predictions`.
    """
    return check_predictions(read_table(file, str(file)), needed, str(file))


def check_predictions(table: pd.DataFrame, needed: Sequence[str], source: str) -> Predictions:
    """Check a table of predictions, one row an image; ``source`` is what messages call it.

    Raises UserError, one sentence, for: no rows, two columns of one name, a column of ``needed`` that is missing, a
    column whose name looks misspelt, an empty cell, a probability that is no number or outside 0 to 1, probabilities
    that do not sum to 1, and a class without a column of probabilities.
    """
    table, unused = _known_columns(named_once(table, source), needed, source)
    if table.empty:
        raise UserError(f"{source} holds no predictions.")
    for name in (known for known in COLUMNS if known in table):
        table[name] = _texts(table[name], source)
    classes = tuple(str(name).removeprefix("p_") for name in table if str(name).startswith("p_"))
    notes = [f"columns that are not used: {', '.join(unused)}"] if unused else []
    if classes:
        _check_probabilities(table, classes, source)
        notes += _not_highest(table, classes)
    return Predictions(source, table, classes, tuple(notes))


def _known_columns(table: pd.DataFrame, needed: Sequence[str], source: str) -> tuple[pd.DataFrame, list[str]]:
    """The known columns, and the names of the others; one that looks misspelt is refused."""
    names = [str(name) for name in table.columns]
    unknown = [name for name in names if name not in COLUMNS and not name.startswith("p_")]
    for name in needed:
        if name not in names:
            near = nearest(name, unknown)
            hint = f" Is it the column {near}? Rename it." if near else ""
            raise UserError(f"{source} has no column {name}.{hint} It has: {', '.join(names)}.")
    for name in unknown:
        near = nearest(name, COLUMNS, likeness=0.8)
        if near:
            raise UserError(f"{source} has a column {name}. Did you mean {near}? Rename it, or take it out.")
        if name.lower().startswith(("p_", "p-", "prob")):
            raise UserError(
                f"{source} has a column {name}. Probabilities are named p_LABEL; rename it, or take it out."
            )
    return table.drop(columns=unknown), unknown


def _texts(column: pd.Series[str], source: str) -> pd.Series[str]:
    empty = column.isna() | column.astype(str).str.strip().str.lower().isin(["", "nan"])
    if empty.any():
        raise UserError(f"{source}: the column {column.name} is empty in {rows_text(empty)}.")
    return column.astype(str)


def _check_probabilities(table: pd.DataFrame, classes: Sequence[str], source: str) -> None:
    import pandas as pd

    for label in classes:
        column = pd.to_numeric(table[f"p_{label}"], errors="coerce")
        bad = ~np.isfinite(column)
        if bad.any():
            raise UserError(f"{source}: p_{label} is no finite number in {rows_text(bad)}.")
        outside = (column < -TIE) | (column > 1 + TIE)
        if outside.any():
            raise UserError(
                f"{source}: p_{label} is {column[outside].iloc[0]:g} in {rows_text(outside)}; a probability is 0 to 1."
            )
        table[f"p_{label}"] = column
    for name in ("label", "predicted"):
        if name in table:
            lost = sorted(set(table[name]) - set(classes))
            if lost:
                raise UserError(f"{source}: {name} {lost[0]} is no class of the file: there is no column p_{lost[0]}.")
    total = table[[f"p_{label}" for label in classes]].sum(axis=1)
    off = (total - 1).abs() > SUM_TOLERANCE
    if off.any():
        raise UserError(
            f"{source}: the probabilities sum to {total[off].iloc[0]:.4g}, not to 1, in {rows_text(off)}. "
            "Give the softmax, not logits or scores of each class alone."
        )


def _not_highest(table: pd.DataFrame, classes: Sequence[str]) -> list[str]:
    """A note where the prediction is not the class of the highest probability: odd, but a system may weigh classes."""
    values = table[[f"p_{label}" for label in classes]].to_numpy(dtype=float)
    place = {label: i for i, label in enumerate(classes)}
    chosen = values[np.arange(len(table)), [place[label] for label in table["predicted"]]]
    other = chosen < values.max(axis=1) - TIE
    if not other.any():
        return []
    return [
        f"the prediction is not the class of the highest probability in {rows_text(other)}; accuracy and F1 are of the "
        "predictions, the AUC is of the probabilities"
    ]


def rows_text(chosen: ArrayLike) -> str:
    """``row 3``, or ``12 rows, first row 3``; rows are counted from 1, without the header."""
    numbers = np.flatnonzero(np.asarray(chosen)) + 1
    return f"row {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} rows, first row {numbers[0]}"

