"""The study's rows beside ours: one line a row and split, the same in every format made for reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from cytobench.analysis.leaderboard.model import Aggregate, PublishedComparison, ScoreKey, Section
from cytobench.reporting.leaderboard.tables import TableCell
from cytobench.reporting.words import METRIC_NAMES

SPLITS = ("test", "validation")
INTRODUCTION = (
    "Published figures of the CytoDiff study (arXiv 2507.05063) beside ours, never ranked together. Comparable says "
    "that protocol, data, folds, seed and settings are the study's; its shots, and twelve of its prompts, nobody has."
)


def published_header() -> list[TableCell]:
    """The column names."""
    figures = [f"{whose} {name}" for whose in ("published", "our") for name in METRIC_NAMES.values()]
    names = [TableCell("table"), TableCell("classifier"), TableCell("N", number=True), TableCell("split")]
    return [*names, *(TableCell(name, number=True) for name in figures), TableCell("our row"), TableCell("verdict")]


def published_lines(section: Section, plus_minus: str = "±") -> list[list[TableCell]]:
    """Two lines a published row: test, then validation. Figures have the two decimals of the publication."""
    return [_line(one, split, plus_minus) for one in section.published for split in SPLITS]


def by_verdict(section: Section) -> list[tuple[str, list[PublishedComparison]]]:
    """Published rows with equal verdicts together, those with a row of ours first."""
    ordered = sorted(section.published, key=lambda one: (one.ours is None, one.verdict))
    return [(verdict, list(group)) for verdict, group in groupby(ordered, key=lambda one: one.verdict)]


def figure_cells(one: PublishedComparison, split: str, plus_minus: str = "±") -> list[str]:
    """The three published figures of a split, then ours."""
    ours: Mapping[ScoreKey, Aggregate] = one.ours.aggregates if one.ours else {}
    cells: Sequence[ScoreKey] = [(split, metric) for metric in METRIC_NAMES]
    return [_figure(source.get(cell), plus_minus) for source in (one.aggregates, ours) for cell in cells]


def count_of(one: PublishedComparison) -> str:
    """N, or ``-`` for the random baseline."""
    return "-" if one.n_synthetic is None else str(one.n_synthetic)


def _line(one: PublishedComparison, split: str, plus_minus: str) -> list[TableCell]:
    figures = [TableCell(text, number=True) for text in figure_cells(one, split, plus_minus)]
    names = [TableCell(one.table), TableCell(one.classifier), TableCell(count_of(one), number=True), TableCell(split)]
    return [*names, *figures, TableCell(one.ours.row if one.ours else "-"), TableCell(one.verdict)]


def _figure(figure: Aggregate | None, plus_minus: str) -> str:
    if figure is None or figure.mean is None:
        return "-"
    return f"{figure.mean:.2f}" + ("" if figure.std is None else f"{plus_minus}{figure.std:.2f}")
