"""Texts in figures: file names from any name, long labels shortened and wrapped, glyphs that no font has."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from functools import cache
from unicodedata import east_asian_width

LABEL = 26
"""Columns of a class label on an axis; what is longer is shortened, and whole in the alt text."""
LEGEND = 58
TITLE = 100


def slug(*parts: str) -> str:
    """A file name's part: ``clip:ViT-B/32`` becomes ``clip-ViT-B-32``; letters outside ASCII become ``-`` too."""
    return re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9._-]", "-", "-".join(part for part in parts if part))).strip("-.")


def columns(text: str) -> int:
    """How many columns of half a square a text takes: a Chinese character takes two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def shortened(text: str, width: int = LABEL) -> str:
    """A text of at most so many columns; the middle of a longer one gives way to an ellipsis, for ends differ most."""
    if columns(text) <= width:
        return text
    head, tail = list(text[: len(text) // 2]), list(text[len(text) // 2 :])
    while columns("".join([*head, *tail])) > width - 1:
        if columns("".join(head)) >= columns("".join(tail)):
            head.pop()
        else:
            tail.pop(0)
    return "".join(head).rstrip() + "\N{HORIZONTAL ELLIPSIS}" + "".join(tail).lstrip()


def labels(names: Sequence[str], width: int = LABEL) -> list[str]:
    """The names shortened; those that would then be alike get their number in front."""
    short = [shortened(name, width) for name in names]
    return [
        f"{i} {shortened(name, width - 4)}" if short.count(s) > 1 else s
        for i, (name, s) in enumerate(zip(names, short, strict=True), 1)
    ]


def in_full(names: Sequence[str], width: int = LABEL) -> str:
    """A sentence with all names, in order, where figures shorten one of them; else empty."""
    return f" Labels in full: {'; '.join(names)}." if any(columns(name) > width for name in names) else ""


def wrapped(text: str, width: int = LEGEND) -> str:
    """A text in lines of at most so many characters."""
    return "\n".join(textwrap.wrap(text, width)) or text


def listed(parts: Sequence[str], most: int = 6) -> str:
    """``a, b and 3 more``."""
    shown = ", ".join(parts[:most])
    return shown if len(parts) <= most else f"{shown} and {len(parts) - most} more"


@cache
def without_glyph(text: str, families: tuple[str, ...]) -> str:
    """The characters of a text that none of these font families has, each once, in order."""
    known = [_characters(family) for family in families]
    return "".join(
        dict.fromkeys(
            letter for letter in text if not letter.isspace() and not any(ord(letter) in have for have in known)
        )
    )


@cache
def _characters(family: str) -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(family)).get_charmap())
