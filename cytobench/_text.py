"""Texts for people: rows as aligned lines, the nearest name to one that is not known, and names that look alike."""

from __future__ import annotations

import re
import unicodedata
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
    """`` Did you mean NAME?`` with the nearest of the known names, capitals or not; empty where none is near.

    One that looks the same is quoted, and what is not seen is told.
    """
    known = list(known)
    twin = next((other for other in known if other != name and plain(other) == plain(name)), None)
    if twin is not None and twin.casefold() != name.casefold():
        return f" Did you mean {quoted([name, twin])[1]}? It differs by spaces or Unicode form."
    near = nearest(name, known)
    return f" Did you mean {near}?" if near else ""


def plain(name: str) -> str:
    """A name without what people do not see: case, outer and double spaces, Unicode form (NFKC), format characters."""
    shown = "".join(character for character in name if unicodedata.category(character) != "Cf")
    # Twice: to fold may undo the normal form.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", shown).casefold())
    return " ".join(folded.split())


def look_alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """The sets of different names that are the same but for what :func:`plain` leaves out, each sorted."""
    alike: dict[str, set[str]] = {}
    for name in names:
        alike.setdefault(plain(name), set()).add(name)
    return sorted(tuple(sorted(each)) for each in alike.values() if len(each) > 1)


def quoted(names: Sequence[str]) -> list[str]:
    """Names in quotation marks, so that a space at an end is seen; as escapes if they would look the same even so."""
    shown = [repr(name) for name in names]
    seen = {unicodedata.normalize("NFKC", text) for text in shown}
    return shown if len(seen) == len(shown) else [ascii(name) for name in names]


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The nearest of the known names, capitals or not; None where none is so like it (0 to 1, difflib's ratio)."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    near = get_close_matches(name.casefold(), by_folded, n=1, cutoff=likeness)
    return by_folded[near[0]] if near else None
