"""The leaderboard on a terminal: readable at 100 columns, what ran under each row."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from cytobench.columns import aligned_lines
from cytobench.leaderboard.beside import INTRODUCTION, SPLITS, by_verdict, count_of, figure_cells
from cytobench.leaderboard.fidelity import HEADER, lines, title
from cytobench.leaderboard.model import Leaderboard, Row, Section
from cytobench.leaderboard.words import (
    LEGEND,
    MAJORITY_SHORT,
    METRIC_NAMES,
    count_text,
    figure_text,
    ran_text,
    rank_text,
    remarks,
    time_text,
)

_SHORT = {
    "test": "test",
    "test_real": "test real",
    "external": "outside",
    "validation": "val",
    "validation_real": "val real",
}
_SHORT_METRICS = ("accuracy", "F1", "AUC")
_RIGHT = (3, 4)
"""Columns set to the right: shots and N."""


def print_leaderboard(board: Leaderboard, console: Console) -> None:
    """Print every section; a terminal gets paragraphs folded, a pipe gets them whole."""
    for section in board.sections:
        _print_section(section, console)
    _print_text(Text(LEGEND, style="dim"), console)


def _print_section(section: Section, console: Console) -> None:
    _print_text(Text(section.title, style="bold"), console)
    for note in section.notes:
        _print_text(Text(note), console)
    splits = _test_first(section.splits)
    header = ["#", "generator", "classifier", "shots", "N", "", *METRIC_NAMES.values(), "time"]
    blocks = [_row_lines(row, splits) for row in section.rows]
    if section.majority:
        blocks.append(_majority_lines(section, splits))
    table = [[Text(name) for name in header], *(line for block in blocks for line in block)]
    widths = [max(cell_len(line[i].plain) for line in table) for i in range(len(header))]
    console.print(Text())
    _print_line(table[0], widths, console, style="bold")
    console.print(Text("-" * (sum(widths) + 2 * len(widths) - 2)), soft_wrap=True)
    for number, block in enumerate(blocks):
        for line in block:
            _print_line(line, widths, console)
        if number < len(section.rows):
            _print_remarks(section.rows[number], section, widths[0], console)
    for measured in section.fidelity:
        console.print(Text())
        _print_text(Text(title(measured), style="bold"), console)
        for text in aligned_lines([HEADER, *lines(measured)]):
            console.print(Text(text), soft_wrap=True)
    console.print(Text())
    if section.published:
        _print_published(section, console)


def _print_published(section: Section, console: Console) -> None:
    """The study's rows, those of one verdict together; what has no row of ours is shown without empty columns."""
    _print_text(Text(INTRODUCTION), console)
    for verdict, group in by_verdict(section):
        _print_text(Text(verdict, style="yellow"), console)
        whose = ("published",) if group[0].ours is None else ("published", "ours")
        names = [f"{one} {metric}" if metric == "accuracy" else metric for one in whose for metric in _SHORT_METRICS]
        table = [[Text(name) for name in ("", "classifier", "N", "", *names)]]
        for one in group:
            for split in SPLITS:
                named = (one.table, one.classifier, count_of(one)) if split == SPLITS[0] else ("", "", "")
                figures = figure_cells(one, split)[: len(names)]
                table.append([Text(text) for text in (*named, _SHORT[split], *figures)])
        widths = [max(cell_len(line[i].plain) for line in table) for i in range(len(table[0]))]
        for number, line in enumerate(table):
            _print_line(line, widths, console, style="" if number else "bold", right=(2,))
        console.print(Text())


def _row_lines(row: Row, splits: Sequence[str]) -> list[list[Text]]:
    """A line a split; the first one names the row."""
    counts = [count_text(row, row.shots), count_text(row, row.n_synthetic)]
    names = [rank_text(row), row.generator, row.classifier, *counts]
    lines = []
    for number, split in enumerate(splits):
        figures = [
            Text(figure_text(row.figures.get((split, metric))), "bold" if (split, metric) in row.best else "")
            for metric in METRIC_NAMES
        ]
        first = [Text(name if number == 0 else "") for name in names]
        lines.append([*first, Text(_SHORT[split]), *figures, Text(time_text(row) if number == 0 else "")])
    return lines


def _majority_lines(section: Section, splits: Sequence[str]) -> list[list[Text]]:
    lines = []
    for number, split in enumerate(splits):
        texts = [figure_text(section.majority.get((split, metric))) for metric in METRIC_NAMES]
        figures = [Text(text, "italic") for text in texts]
        names = ["", "none", MAJORITY_SHORT, "", ""] if number == 0 else [""] * 5
        lines.append([*(Text(name, "italic") for name in names), Text(_SHORT[split]), *figures, Text()])
    return lines


def _print_remarks(row: Row, section: Section, indent: int, console: Console) -> None:
    warnings = [Text(remark, style="yellow") for remark in remarks(row, section.seeds)]
    for line in [Text(ran_text(row), style="dim"), *warnings]:
        _print_text(line, console, indent + 2)


def _print_text(text: Text, console: Console, indent: int = 0) -> None:
    """A paragraph: folded at the width of a terminal, whole in a pipe."""
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, indent)))
    else:
        console.print(Text(" " * indent) + text, soft_wrap=True)


def _print_line(
    line: Sequence[Text], widths: Sequence[int], console: Console, style: str = "", right: Sequence[int] = _RIGHT
) -> None:
    joined = Text(style=style)
    for i, (cell, width) in enumerate(zip(line, widths, strict=True)):
        padding = " " * (width - cell_len(cell.plain))
        joined += Text(padding) + cell if i in right else cell + Text(padding)
        joined += Text("  ")
    joined.rstrip()
    console.print(joined, soft_wrap=True)


def _test_first(splits: Sequence[str]) -> list[str]:
    return sorted(splits, key=lambda split: (not split.startswith("test"), split))
