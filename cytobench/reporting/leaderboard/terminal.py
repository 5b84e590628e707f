"""The leaderboard on a terminal: wide where it has the columns, else each row over several lines; what ran under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from cytobench.analysis.leaderboard.model import Leaderboard, PublishedComparison, Section
from cytobench.metrics.metric import Metric
from cytobench.reporting.leaderboard.fidelity import fidelity_table
from cytobench.reporting.leaderboard.tables import (
    INTRODUCTION,
    MAJORITY_SHORT,
    PUBLISHED_SPLITS,
    by_verdict,
    published_metrics,
    published_table,
    split_table,
)
from cytobench.reporting.tables import Cell, Table, TableRow
from cytobench.reporting.tables.terminal import fits, label, print_table, print_text, sentence, styled_lines
from cytobench.reporting.words import legend

_SPLITS = {
    "test": "test",
    "test_real": "test real",
    "external": "outside",
    "validation": "val",
    "validation_real": "val real",
}


def print_leaderboard(board: Leaderboard, console: Console) -> None:
    """Print every section; a terminal gets lines of its width, a pipe gets them whole."""
    for section in board.sections:
        _print_section(section, console)
    print_text(Text(legend(board), style="dim"), console)


def _print_section(section: Section, console: Console) -> None:
    print_text(Text(section.title, style="bold"), console)
    for note in section.notes:
        print_text(Text(note), console)
    console.print(Text())
    _print_rows(split_table(section, MAJORITY_SHORT, _SPLITS), console)
    for fidelity in map(fidelity_table, section.fidelity):
        console.print(Text())
        print_text(Text(fidelity.title, style="bold"), console)
        print_table(fidelity, console)
    console.print(Text())
    if section.published:
        _print_published(section, console)


def _print_rows(table: Table, console: Console) -> None:
    columns = [replace(column, name="") if column.name == "split" else column for column in table.columns]
    table = replace(table, columns=tuple(columns))
    lines = styled_lines(table)
    if fits(lines, console):
        indent = max(cell_len(text) for text in ["#", *(row.cells[0].text for row in table.rows)])
        _print_head(lines, console)
        for line, row in zip(lines[1:], table.rows, strict=True):
            console.print(line, soft_wrap=True)
            _print_remarks(row, console, indent + 2)
    else:
        _print_stacked(table, console)


def _print_stacked(table: Table, console: Console) -> None:
    """The same for few columns: names, shots, N and time on a line of their own, the scores below."""
    indent = 2 + max(cell_len(row.cells[0].text) for row in table.rows)
    scores = table.part(table.labels, -1)
    lines = [Text(" " * indent) + line for line in styled_lines(scores)]
    print_text(Text("#".ljust(indent) + "generator / classifier, shots, N, time", "bold"), console)
    aligned = fits(lines, console)
    if aligned:
        _print_head(lines, console)
    for line, row, score_row in zip(lines[1:], table.rows, scores.rows, strict=True):
        rank, *cells, time = row.cells
        if cells[0].text:  # else it goes on with the row above
            names = label(table.part(1, -1), replace(row, cells=tuple(cells)))
            heading = Text(rank.text.ljust(indent)) + names + Text(f", {time.text}" if time.text else "")
            print_text(heading, console)
        if aligned:
            console.print(line, soft_wrap=True)
        else:
            print_text(sentence(scores, score_row), console, indent)
        _print_remarks(row, console, indent)


def _print_head(lines: Sequence[Text], console: Console) -> None:
    """The first of these lines, and a rule as wide as all of them."""
    console.print(lines[0], soft_wrap=True)
    console.print(Text("-" * max(cell_len(line.plain) for line in lines)), soft_wrap=True)


def _print_remarks(row: TableRow, console: Console, indent: int) -> None:
    """What ran, dim, and the remarks, each on a line of its own."""
    for number, remark in enumerate(row.remarks):
        print_text(Text(remark, style="yellow" if number else "dim"), console, indent)


def _print_published(section: Section, console: Console) -> None:
    """The study's rows, those of one verdict together; what has no row of ours is shown without empty columns."""
    print_text(Text(INTRODUCTION), console)
    for verdict, group in by_verdict(section):
        print_text(Text(verdict, style="yellow"), console)
        print_table(_published_part(group, section.metrics), console, between=" ")
        console.print(Text())


def _published_part(group: Sequence[PublishedComparison], metrics: Sequence[Metric]) -> Table:
    whose = 1 if group[0].ours is None else 2
    table = published_table(group, metrics, ours="ours").part(0, 4 + whose * len(published_metrics(group, metrics)))
    rows = []
    for row in table.rows:
        names, split = row.cells[:3], row.cells[3].text
        shown = names if split == PUBLISHED_SPLITS[0] else [Cell("")] * 3
        rows.append(TableRow((*shown, Cell(_SPLITS[split]), *row.cells[4:])))
    columns = [replace(column, name="") if column.name in ("table", "split") else column for column in table.columns]
    return replace(table, columns=tuple(columns), rows=tuple(rows))
