"""A table: drawn on a terminal, plain columns elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from cytobench._text import aligned_lines


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A rich table on a terminal; elsewhere columns that are aligned with spaces and never wrapped. Nothing is cut."""
    texts = [[str(cell) for cell in row] for row in rows]
    console = Console()
    if console.is_terminal:
        table = Table(*(Column(name, overflow="fold") for name in header))
        for row in texts:
            table.add_row(*row)
        console.print(table)
        return
    for line in aligned_lines([list(header), *texts]):
        click.echo(line)
