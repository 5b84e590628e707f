"""The leaderboard on a terminal: wide where it has the columns, else each row over several lines; what ran under it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from cytobench._text import aligned_lines, printable
from cytobench.analysis.leaderboard.model import FidelityTable, Leaderboard, Row, Section
from cytobench.reporting.leaderboard.beside import INTRODUCTION, SPLITS, by_verdict, count_of, figure_cells
from cytobench.reporting.leaderboard.fidelity import HEADER, lines, title
from cytobench.reporting.leaderboard.tables import rank_text, remarks
from cytobench.reporting.words import (
    LEGEND,
    MAJORITY_SHORT,
    METRIC_NAMES,
    aggregate_text,
    classifier_text,
    count_text,
    generator_text,
    ran_text,
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
_RANK, _SPLIT, _TIME = 0, 5, 9
"""Columns of a line."""
_RIGHT = (3, 4)
"""Columns set to the right: shots and N."""


def print_leaderboard(board: Leaderboard, console: Console) -> None:
    """Print every section; a terminal gets lines of its width, a pipe gets them whole."""
    for section in board.sections:
        _print_section(section, console)
    _print_text(Text(LEGEND, style="dim"), console)


def _print_section(section: Section, console: Console) -> None:
    _print_text(Text(section.title, style="bold"), console)
    for note in section.notes:
        _print_text(Text(note), console)
    _print_rows(section, console)
    for measured in section.fidelity:
        console.print(Text())
        _print_text(Text(title(measured), style="bold"), console)
        _print_fidelity(measured, console)
    console.print(Text())
    if section.published:
        _print_published(section, console)


def _print_rows(section: Section, console: Console) -> None:
    splits = _test_first(section.splits)
    header = [Text(name) for name in ("#", "generator", "classifier", "shots", "N", "", *METRIC_NAMES.values(), "time")]
    blocks = [_row_lines(row, splits) for row in section.rows]
    if section.majority:
        blocks.append(_majority_lines(section, splits))
    widths = _widths([header, *(line for block in blocks for line in block)])
    console.print(Text())
    if _folds(console) and _width(widths) > console.width:
        _print_stacked(section, blocks, console)
        return
    _print_line(header, widths, console, style="bold")
    console.print(Text("-" * _width(widths)), soft_wrap=True)
    for number, block in enumerate(blocks):
        for line in block:
            _print_line(line, widths, console)
        if number < len(section.rows):
            _print_remarks(section.rows[number], section, widths[0], console)


def _print_stacked(section: Section, blocks: Sequence[Sequence[Sequence[Text]]], console: Console) -> None:
    """The same for few columns: names, shots, N and time on a line of their own, the figures below."""
    rank = max(cell_len(block[0][_RANK].plain) for block in blocks)
    header = [Text(), *(Text(name) for name in ("", *METRIC_NAMES.values()))]
    figures = [[Text(" " * rank), *line[_SPLIT:_TIME]] for block in blocks for line in block]
    widths = _widths([header, *figures])
    _print_text(Text("#".ljust(rank + 2) + "generator / classifier, shots, N, time", "bold"), console)
    _print_line(header, widths, console, style="bold", right=())
    console.print(Text("-" * _width(widths)), soft_wrap=True)
    for number, block in enumerate(blocks):
        first = block[0]
        counts = zip(("shots ", "N ", ""), (*(first[i] for i in _RIGHT), first[_TIME]), strict=True)
        told = [Text(name) + cell for name, cell in counts if cell.plain]
        names = Text(" / ").join(first[_RANK + 1 : _RIGHT[0]])
        line = first[_RANK] + Text(" " * (rank + 2 - cell_len(first[_RANK].plain)))
        _print_text(line + Text(", ").join([names, *told]), console)
        for each in block:
            _print_line([Text(" " * rank), *each[_SPLIT:_TIME]], widths, console, right=())
        if number < len(section.rows):
            _print_remarks(section.rows[number], section, rank, console)


def _print_fidelity(measured: FidelityTable, console: Console) -> None:
    rows = lines(measured)
    table = aligned_lines([HEADER, *rows])
    if not _folds(console) or max(map(cell_len, table)) <= console.width:
        for text in table:
            console.print(Text(text), soft_wrap=True)
        return
    for generator, shots, n, *figures in rows:
        _print_text(Text(f"{generator}, shots {shots}, N {n}"), console)
        told = "; ".join(f"{name} {figure}" for name, figure in zip(HEADER[3:], figures, strict=True))
        _print_text(Text(told), console, 5)


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
        widths = _widths(table)
        if _folds(console) and _width(widths) > console.width:
            _print_stacked_figures(table, console)
        else:
            for number, line in enumerate(table):
                _print_line(line, widths, console, style="" if number else "bold", right=(2,))
        console.print(Text())


def _print_stacked_figures(table: Sequence[Sequence[Text]], console: Console) -> None:
    """Published figures where they are too wide: what a line is about, and below it the study's and ours."""
    header, *body = table
    for line in body:
        if line[0].plain:
            _print_text(Text(", N ").join([Text(" ").join(line[:2]), line[2]]), console)
        figures = [Text(f"{name.plain} ") + cell for name, cell in zip(header[4:], line[4:], strict=True)]
        _print_text(line[3] + ": " + Text("; ").join(figures), console, 5)


def _row_lines(row: Row, splits: Sequence[str]) -> list[list[Text]]:
    """A line a split; the first one names the row."""
    counts = [count_text(row, row.shots), count_text(row, row.n_synthetic)]
    names = [rank_text(row), generator_text(row), classifier_text(row), *counts]
    lines = []
    for number, split in enumerate(splits):
        figures = [
            Text(aggregate_text(row.aggregates.get((split, metric))), "bold" if (split, metric) in row.best else "")
            for metric in METRIC_NAMES
        ]
        first = [Text(name if number == 0 else "") for name in names]
        lines.append([*first, Text(_SHORT[split]), *figures, Text(time_text(row) if number == 0 else "")])
    return lines


def _majority_lines(section: Section, splits: Sequence[str]) -> list[list[Text]]:
    lines = []
    for number, split in enumerate(splits):
        texts = [aggregate_text(section.majority.get((split, metric))) for metric in METRIC_NAMES]
        figures = [Text(text, "italic") for text in texts]
        names = ["", "none", MAJORITY_SHORT, "", ""] if number == 0 else [""] * 5
        lines.append([*(Text(name, "italic") for name in names), Text(_SHORT[split]), *figures, Text()])
    return lines


def _print_remarks(row: Row, section: Section, indent: int, console: Console) -> None:
    warnings = [Text(remark, style="yellow") for remark in remarks(row, section.seeds)]
    for line in [Text(ran_text(row), style="dim"), *warnings]:
        _print_text(line, console, indent + 2)


def _print_text(text: Text, console: Console, indent: int = 0) -> None:
    """A paragraph: folded where lines are, else whole."""
    text = _harmless(text)
    if _folds(console):
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
    console.print(_harmless(joined), soft_wrap=True)


def _harmless(text: Text) -> Text:
    """The same without control characters; styles stay where they are, since no length changes."""
    found = text.copy()
    found.plain = printable(text.plain)
    return found


def _folds(console: Console) -> bool:
    """Whether lines end where a terminal's do: on one, and where ``COLUMNS`` says how wide it would be."""
    return console.is_terminal or "COLUMNS" in os.environ


def _widths(table: Sequence[Sequence[Text]]) -> list[int]:
    return [max(cell_len(line[i].plain) for line in table) for i in range(len(table[0]))]


def _width(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * len(widths) - 2


def _test_first(splits: Sequence[str]) -> list[str]:
    return sorted(splits, key=lambda split: (not split.startswith("test"), split))
