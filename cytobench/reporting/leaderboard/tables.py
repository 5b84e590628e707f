"""The wide table behind Markdown, LaTeX and HTML: one line a row, one column a split and metric."""

from __future__ import annotations

from dataclasses import dataclass

from cytobench.analysis.leaderboard.model import Section
from cytobench.analysis.leaderboard.words import (
    MAJORITY,
    METRIC_NAMES,
    SPLIT_NAMES,
    classifier_text,
    count_text,
    figure_text,
    generator_text,
    ran_text,
    rank_text,
    remarks,
    time_text,
)


@dataclass(frozen=True)
class TableCell:
    """A text, whether it is the best of its column, and whether it is a number to set to the right."""

    text: str
    bold: bool = False
    number: bool = False


def header(section: Section) -> list[TableCell]:
    """The column names."""
    figures = [
        TableCell(f"{SPLIT_NAMES[split]} {name}", number=True)
        for split in splits_of(section)
        for name in METRIC_NAMES.values()
    ]
    names = [TableCell("#"), TableCell("generator"), TableCell("classifier")]
    counts = [TableCell("shots", number=True), TableCell("N", number=True)]
    return [*names, *counts, *figures, TableCell("time", number=True), TableCell("what ran, remarks")]


def lines(section: Section, plus_minus: str = "±") -> list[list[TableCell]]:
    """The rows, and last the majority class where it is known."""
    cells = [(split, metric) for split in splits_of(section) for metric in METRIC_NAMES]
    result = []
    for row in section.rows:
        figures = [
            TableCell(figure_text(row.figures.get(cell), plus_minus), cell in row.best, number=True)
            for cell in cells
        ]
        result.append(
            [
                TableCell(rank_text(row)),
                TableCell(generator_text(row)),
                TableCell(classifier_text(row)),
                TableCell(count_text(row, row.shots), number=True),
                TableCell(count_text(row, row.n_synthetic), number=True),
                *figures,
                TableCell(time_text(row), number=True),
                TableCell(". ".join([ran_text(row), *remarks(row, section.seeds)])),
            ]
        )
    if section.majority:
        reference = [figure_text(section.majority.get(cell), plus_minus) for cell in cells]
        figures = [TableCell(text, number=True) for text in reference]
        names = [TableCell(""), TableCell("none"), TableCell(MAJORITY), TableCell(""), TableCell("")]
        result.append([*names, *figures, TableCell(""), TableCell("reference, from the class counts")])
    return result


def splits_of(section: Section) -> list[str]:
    """The splits of a section, test ones first."""
    return sorted(section.splits, key=lambda split: (not split.startswith("test"), split))
