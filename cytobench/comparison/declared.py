"""The declared comparisons: which rows belong to the family, and with which reference each is compared."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import NamedTuple

from cytobench.benchmark import Analysis
from cytobench.errors import UserError


class Named(NamedTuple):
    """A row by its name, and its classifier: equal texts are the same classifier."""

    row: str
    classifier: str


def family(analysis: Analysis, rows: Sequence[Named]) -> list[tuple[int, int]]:
    """The declared pairs among ``rows``: places of the compared row and of its reference, in the order of rows.

    A row's reference is the one row that the declared reference names, or of several the one with its classifier. A row
    without a reference is in no family; neither is a reference itself.

    Raises UserError if several rows of one classifier could be the reference.
    """
    references = [place for place, one in enumerate(rows) if matches(one.row, analysis.reference)]
    pairs = []
    for place, one in enumerate(rows):
        if place in references or not any(matches(one.row, pattern) for pattern in analysis.comparisons):
            continue
        own = [other for other in references if len(references) == 1 or rows[other].classifier == one.classifier]
        if len(own) > 1:
            raise UserError(
                f"analysis.reference = {analysis.reference!r} fits several rows for {one.row}: "
                f"{', '.join(rows[other].row for other in own)}. Name one."
            )
        pairs += [(place, other) for other in own]
    return pairs


def check_declaration(analysis: Analysis, rows: Sequence[Named], source: str) -> None:
    """Raise UserError, naming ``source``, if a declared row or pattern fits none, or a row has no reference."""
    names = [one.row for one in rows]
    for key, patterns in (("reference", (analysis.reference,)), ("comparisons", analysis.comparisons)):
        for pattern in patterns:
            if not any(matches(name, pattern) for name in names):
                near = get_close_matches(pattern, names, n=1)
                hint = f" Did you mean {near[0]}?" if near else ""
                raise UserError(
                    f"{source}: analysis.{key}: {pattern!r} fits no row of this run.{hint} Rows: {', '.join(names)}."
                )
    compared = {place for place, _ in family(analysis, rows)}
    for place, name in enumerate(names):
        wanted = any(matches(name, pattern) for pattern in analysis.comparisons)
        if wanted and place not in compared and not matches(name, analysis.reference):
            raise UserError(
                f"{source}: analysis.comparisons names {name}, and analysis.reference = {analysis.reference!r} fits no "
                f"row of its classifier. Name one row as the reference, or leave {name} out."
            )


def matches(name: str, pattern: str) -> bool:
    """Whether a row's name is this name, or fits this pattern (``*`` and ``?`` as in file names)."""
    return name == pattern or fnmatchcase(name, pattern)
