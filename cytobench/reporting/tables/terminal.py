"""Tables on a terminal and as plain text, by rich: in columns where they fit, else a sentence a row."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence

from rich import table as rich_table
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from cytobench._text import printable
from cytobench.reporting.tables.model import Cell, Kind, Table, TableRow

_ENDLESS = 100_000
"""Columns of a console on which no line is folded."""


def text_lines(table: Table) -> list[str]:
    """The heading and a line a row, aligned, as wide as it needs."""
    return [line.plain for line in styled_lines(table)]


def styled_lines(table: Table) -> list[Text]:
    """The same with styles: the heading and the best of a column in bold, a reference in italics."""
    grid = rich_table.Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column, heading in zip(table.columns, _headings(table), strict=True):
        grid.add_column(harmless(heading), justify="right" if column.kind is Kind.COUNT else "left", no_wrap=True)
    for row in table.rows:
        grid.add_row(*(_styled(cell, row) for cell in row.cells))
    console = Console(file=io.StringIO(), width=_ENDLESS)
    lines = [Text.assemble(*((part.text, part.style or "") for part in line)) for line in console.render_lines(grid)]
    for line in lines:
        line.rstrip()
    return lines


def print_table(table: Table, console: Console, between: str = " / ") -> None:
    """Print a table; where a line would be folded, each row as what it is about and its figures by their names."""
    lines = styled_lines(table)
    if fits(lines, console):
        for line in lines:
            console.print(line, soft_wrap=True)
        return
    for row in table.rows:
        if any(cell.text for cell in row.cells[: table.labels]):
            print_text(label(table, row, between), console)
        print_text(sentence(table, row), console, 5)


def sentence(table: Table, row: TableRow) -> Text:
    """The figures of a row by their names, what has no name before them: ``test: accuracy 0.81; macro F1 0.64``."""
    cells = list(zip(_headings(table), row.cells, strict=True))[table.labels :]
    lead = "".join(f"{cell.text}: " for name, cell in cells if not name)
    return Text(lead + "; ".join(f"{name} {cell.text}" for name, cell in cells if name))


def label(table: Table, row: TableRow, between: str = " / ") -> Text:
    """What a row is about: ``sd21-lora / clip, shots 16, N 20``."""
    labels = list(zip(table.columns, row.cells, strict=True))[: table.labels]
    names = [cell.text for column, cell in labels if not column.number and cell.text]
    counts = [f"{column.heading} {cell.text}" for column, cell in labels if column.number and cell.text]
    return Text(", ".join([between.join(names), *counts]))


def print_text(text: Text, console: Console, indent: int = 0) -> None:
    """Print a paragraph: folded where lines are, else whole."""
    text = text.copy()
    text.plain = printable(text.plain)  # styles stay where they are, since no length changes
    if folds(console):
        console.print(Padding(text, (0, 0, 0, indent)))
    else:
        console.print(Text(" " * indent) + text, soft_wrap=True)


def fits(lines: Sequence[Text], console: Console) -> bool:
    """Whether no line is folded."""
    return not folds(console) or max(cell_len(line.plain) for line in lines) <= console.width


def folds(console: Console) -> bool:
    """Whether lines end where a terminal's do: on one, and where ``COLUMNS`` says how wide it would be."""
    return console.is_terminal or "COLUMNS" in os.environ


def harmless(text: str) -> Text:
    """A text in one line that no character of commands the terminal."""
    return Text(printable(text).replace("\n", " "))


def _styled(cell: Cell, row: TableRow) -> Text:
    text = harmless(cell.text)
    text.stylize("bold" if cell.best else "italic" if row.kind == "reference" else "")
    return text


def _headings(table: Table) -> list[str]:
    """The columns' names, the first of a group with the group's before it."""
    groups = ["", *(column.group for column in table.columns)]
    return [
        column.name if column.group == before else column.heading
        for before, column in zip(groups, table.columns, strict=False)
    ]
