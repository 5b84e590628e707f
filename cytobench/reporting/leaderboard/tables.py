"""The wide table behind Markdown, LaTeX and HTML: one line a row, one column a split and metric."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cytobench.analysis.leaderboard.model import Row, Section
from cytobench.analysis.leaderboard.words import ELSEWHERE, replicates_text, third_party_text
from cytobench.reporting.outcomes import STANDING_MARKS, STANDINGS
from cytobench.reporting.words import (
    MAJORITY,
    METRIC_NAMES,
    SPLIT_NAMES,
    aggregate_text,
    classifier_text,
    count_text,
    first_line,
    generator_text,
    ran_text,
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
            TableCell(aggregate_text(row.aggregates.get(cell), plus_minus), cell in row.best, number=True)
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
        reference = [aggregate_text(section.majority.get(cell), plus_minus) for cell in cells]
        figures = [TableCell(text, number=True) for text in reference]
        names = [TableCell(""), TableCell("none"), TableCell(MAJORITY), TableCell(""), TableCell("")]
        result.append([*names, *figures, TableCell(""), TableCell("reference, from the class counts")])
    return result


def rank_text(row: Row) -> str:
    """The rank with the mark of a row that is not told from the best, or ``-``."""
    mark = "" if row.standing is None else STANDING_MARKS.get(row.standing, "")
    return "-" if row.rank is None else f"{row.rank}{mark}"


def remarks(row: Row, seeds: Collection[int], standing: bool = True) -> list[str]:
    """What a reader must know about a row besides its figures; ``seeds`` are those of its section.

    Without ``standing`` nothing of how it stands against the best row.
    """
    texts = []
    if row.settings:
        texts.append(f"settings: {row.settings}")
    if row.third_party:
        texts.append(third_party_text(row))
    if standing and row.standing in STANDINGS:
        texts.append(STANDINGS[row.standing])
    if row.shortfall:
        texts.append(f"shots: {row.shortfall}")
    if not row.complete:
        texts.append(f"INCOMPLETE, not ranked: {replicates_text(row.missing, seeds)} missing")
    if row.made_elsewhere != "no":
        texts.append(f"made elsewhere: {ELSEWHERE[row.made_elsewhere]}")
    texts += [
        f"FAILED in {replicates_text([where], seeds)}: {first_line(error)}" for where, error in row.failed.items()
    ]
    return texts


def splits_of(section: Section) -> list[str]:
    """The splits of a section, test ones first."""
    return sorted(section.splits, key=lambda split: (not split.startswith("test"), split))
