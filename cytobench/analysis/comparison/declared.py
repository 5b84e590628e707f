"""The declared comparisons: which rows belong to the family, with which reference, and which rows are baselines."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import NamedTuple

from cytobench.config.benchmark import Analysis
from cytobench.errors import UserError


class Named(NamedTuple):
    """A row by its name, with what decides which other rows it is compared with."""

    row: str
    classifier: str
    """Equal texts are the same classifier with the same settings."""
    plugin: str
    """The classifier's plugin: variants share it."""
    n_synthetic: int


def family(analysis: Analysis, rows: Sequence[Named]) -> list[tuple[int, int]]:
    """The declared pairs among ``rows``: places of the compared row and of its reference, in the order of rows.

    A row's reference is the one row that the declared reference names, or of several the one with its classifier. A row
    without a reference is in no family; neither is a reference itself.

    Raises UserError if several rows of one classifier could be the reference.
    """
    references = [place for place, one in enumerate(rows) if matches(one.row, analysis.reference)]
    pairs = []
    for place, one in enumerate(rows):
        if place in references or not fits(one.row, analysis.comparisons):
            continue
        own = [other for other in references if len(references) == 1 or rows[other].classifier == one.classifier]
        if len(own) > 1:
            raise UserError(
                f"analysis.reference = {analysis.reference!r} fits several rows for {one.row}: "
                f"{', '.join(rows[other].row for other in own)}. Name one."
            )
        pairs += [(place, other) for other in own]
    return pairs


def baselines(analysis: Analysis, rows: Sequence[Named]) -> list[int]:
    """Places of the rows that are declared as baselines, in the order of rows."""
    return [place for place, one in enumerate(rows) if fits(one.row, analysis.baselines)]


def beside_baselines(analysis: Analysis, rows: Sequence[Named]) -> list[int]:
    """Places of the rows that are compared with the best baseline of their classifier's plugin, in the order of rows.

    Those of the declared comparisons that have synthetic images and are neither a reference nor a baseline; none where
    no baselines are declared.
    """
    if not analysis.baselines:
        return []
    return [
        place
        for place, one in enumerate(rows)
        if one.n_synthetic
        and fits(one.row, analysis.comparisons)
        and not fits(one.row, (analysis.reference, *analysis.baselines))
    ]


def check_declaration(analysis: Analysis, rows: Sequence[Named], source: str) -> None:
    """Raise UserError, naming ``source``, if a declared row or pattern fits none, or a row has nothing to compare with.

    That is a reference and, where baselines are declared, a baseline.
    """
    names = [one.row for one in rows]
    for key, patterns in (
        ("reference", (analysis.reference,)),
        ("comparisons", analysis.comparisons),
        ("baselines", analysis.baselines),
    ):
        for pattern in patterns:
            if not any(matches(name, pattern) for name in names):
                near = get_close_matches(pattern, names, n=1)
                hint = f" Did you mean {near[0]}?" if near else ""
                raise UserError(
                    f"{source}: analysis.{key}: {pattern!r} fits no row of this run.{hint} Rows: {', '.join(names)}."
                )
    compared = {place for place, _ in family(analysis, rows)}
    for place, name in enumerate(names):
        if fits(name, analysis.comparisons) and place not in compared and not matches(name, analysis.reference):
            raise UserError(
                f"{source}: analysis.comparisons names {name}, and analysis.reference = {analysis.reference!r} fits no "
                f"row of its classifier. Name one row as the reference, or leave {name} out."
            )
    _check_baselines(analysis, rows, source)


def matches(name: str, pattern: str) -> bool:
    """Whether a row's name is this name, or fits this pattern (``*`` and ``?`` as in file names)."""
    return name == pattern or fnmatchcase(name, pattern)


def fits(name: str, patterns: Sequence[str]) -> bool:
    """Whether a row's name is one of these names, or fits one of these patterns."""
    return any(matches(name, pattern) for pattern in patterns)


def _check_baselines(analysis: Analysis, rows: Sequence[Named], source: str) -> None:
    if not analysis.baselines:
        return
    compared = beside_baselines(analysis, rows)
    if not compared:
        raise UserError(
            f"{source}: analysis.baselines = {list(analysis.baselines)} leaves no row of analysis.comparisons with "
            "synthetic images to compare: each is a baseline or a reference. Name fewer baselines."
        )
    having = {rows[place].plugin for place in baselines(analysis, rows)}
    for place in compared:
        if rows[place].plugin not in having:
            raise UserError(
                f"{source}: analysis.comparisons names {rows[place].row}, and analysis.baselines fits no row of its "
                f"classifier's plugin {rows[place].plugin}. Name one as a baseline, or leave {rows[place].row} out."
            )
