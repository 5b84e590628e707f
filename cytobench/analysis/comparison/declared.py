"""The declared comparisons: which rows belong to the family, with which reference, and which rows are baselines."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from cytobench._text import did_you_mean
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
    """The declared pairs among ``rows``: numbers of the compared row and of its reference, in the order of rows.

    A row's reference is the one row that the declared reference names, or of several the one with its classifier. A row
    without a reference is in no family; neither is a reference itself.

    Raises UserError if several rows of one classifier could be the reference.
    """
    references = [number for number, named in enumerate(rows) if matches(named.row, analysis.reference)]
    pairs = []
    for number, named in enumerate(rows):
        if number in references or not fits(named.row, analysis.comparisons):
            continue
        fitting = [other for other in references if len(references) == 1 or rows[other].classifier == named.classifier]
        if len(fitting) > 1:
            raise UserError(
                f"analysis.reference = {analysis.reference!r} fits several rows for {named.row}: "
                f"{', '.join(rows[other].row for other in fitting)}. Name one."
            )
        pairs += [(number, other) for other in fitting]
    return pairs


def baselines(analysis: Analysis, rows: Sequence[Named]) -> list[int]:
    """Numbers of the rows that are declared as baselines, in the order of rows."""
    return [number for number, named in enumerate(rows) if fits(named.row, analysis.baselines)]


def compared_with_baselines(analysis: Analysis, rows: Sequence[Named]) -> list[int]:
    """Numbers of the rows that are compared with the best baseline of their classifier's plugin, in the order of rows.

    Those of the declared comparisons that have synthetic images and are neither a reference nor a baseline; none where
    no baselines are declared.
    """
    if not analysis.baselines:
        return []
    return [
        number
        for number, named in enumerate(rows)
        if named.n_synthetic
        and fits(named.row, analysis.comparisons)
        and not fits(named.row, (analysis.reference, *analysis.baselines))
    ]


def check_declaration(analysis: Analysis, rows: Sequence[Named], source: str) -> None:
    """Raise UserError, naming ``source``, if a declared row or pattern fits none, or a row has nothing to compare with.

    That is a reference and, where baselines are declared, a baseline.
    """
    names = [named.row for named in rows]
    for key, patterns in (
        ("reference", (analysis.reference,)),
        ("comparisons", analysis.comparisons),
        ("baselines", analysis.baselines),
    ):
        for pattern in patterns:
            if not any(matches(name, pattern) for name in names):
                hint = f"{did_you_mean(pattern, names)} Rows: {', '.join(names)}."
                raise UserError(f"{source}: analysis.{key}: {pattern!r} fits no row of this run.{hint}")
    compared = {number for number, _ in family(analysis, rows)}
    for number, name in enumerate(names):
        if fits(name, analysis.comparisons) and number not in compared and not matches(name, analysis.reference):
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
    compared = compared_with_baselines(analysis, rows)
    if not compared:
        raise UserError(
            f"{source}: analysis.baselines = {list(analysis.baselines)} leaves no row of analysis.comparisons with "
            "synthetic images to compare: each is a baseline or a reference. Name fewer baselines."
        )
    with_baselines = {rows[number].plugin for number in baselines(analysis, rows)}
    for named in (rows[number] for number in compared):
        if named.plugin not in with_baselines:
            raise UserError(
                f"{source}: analysis.comparisons names {named.row}, and analysis.baselines fits no row of its "
                f"classifier's plugin {named.plugin}. Name one as a baseline, or leave {named.row} out."
            )
