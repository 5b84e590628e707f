"""Rows of texts as lines with columns under each other."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters but tab and line feed; an escape sequence begins with one."""


def printable(text: str) -> str:
    """The same with a mark in place of each control character: a stranger's text must not command a terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def aligned_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """One line a row; every column as wide as its longest text, two spaces apart, nothing at the end of a line."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows = [[printable(text).replace("\n", " ") for text in row] for row in rows]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
