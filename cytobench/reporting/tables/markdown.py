"""Tables as Markdown (GitHub's)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cytobench.reporting.tables.model import Table


def to_markdown(table: Table) -> str:
    """The columns and rows; title and notes are left to the text around."""
    rule = "|".join("---:" if column.number else "---" for column in table.columns)
    rows = [_line(escape(cell.text, cell.best) for cell in row.cells) for row in table.rows]
    return "\n".join([_line(escape(column.heading) for column in table.columns), f"|{rule}|", *rows]) + "\n"


def escape(text: str, bold: bool = False) -> str:
    """Keep names from becoming markup; a line break would end the table."""
    escaped = re.sub(r"([\\|*`<>\[\]#_])", r"\\\1", " ".join(text.splitlines()))
    return f"**{escaped}**" if bold else escaped


def _line(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"
