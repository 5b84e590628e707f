"""Columns as spreadsheets leave them where cells are merged: a name in the first row, the rows below it empty."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def looks_merged(cells: Sequence[str]) -> bool:
    """Whether a column looks as if merged cells had been saved.

    Its first cell is filled, none repeats the one above it, and at least as many are empty as are filled: a column with
    a name left out here and there does not.
    """
    texts = [cell.strip() for cell in cells]
    filled = sum(text != "" for text in texts)
    if not texts or not texts[0] or filled * 2 > len(texts):
        return False
    return all(not text or text != above for above, text in pairwise(texts))


def filled_down(cells: Sequence[str]) -> list[str]:
    """The same with each empty cell as the filled one above it, stripped; those before the first stay empty."""
    result: list[str] = []
    for cell in cells:
        result.append(cell.strip() or (result[-1] if result else ""))
    return result
