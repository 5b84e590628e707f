"""Texts for people: rows as aligned lines, and the nearest name to one that is not known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

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


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` Did you mean NAME?`` with the nearest of the known names, capitals or not; empty where none is near."""
    near = nearest(name, known)
    return f" Did you mean {near}?" if near else ""


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The nearest of the known names, capitals or not; None where none is so like it (0 to 1, difflib's ratio)."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    near = get_close_matches(name.casefold(), by_folded, n=1, cutoff=likeness)
    return by_folded[near[0]] if near else None
