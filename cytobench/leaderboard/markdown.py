"""The leaderboard as Markdown (GitHub's tables)."""

from __future__ import annotations

import re

from cytobench.leaderboard import fidelity
from cytobench.leaderboard.cells import TableCell, header, lines
from cytobench.leaderboard.model import FidelityTable, Leaderboard, Section
from cytobench.leaderboard.words import LEGEND


def to_markdown(board: Leaderboard) -> str:
    """One heading and table a section."""
    return "\n".join([*(_section(section) for section in board.sections), LEGEND, ""])


def _section(section: Section) -> str:
    head = header(section)
    rule = "|".join("---:" if cell.number else "---" for cell in head)
    body = [_line(head), f"|{rule}|", *(_line(cells) for cells in lines(section))]
    notes = "\n".join(f"- {_escape(note)}" for note in section.notes)
    measured = [_fidelity(table) for table in section.fidelity]
    return "\n".join([f"## {_escape(section.title)}\n\n{notes}\n", *body, "", *measured])


def _fidelity(table: FidelityTable) -> str:
    rows = [[TableCell(text) for text in row] for row in (fidelity.HEADER, *fidelity.lines(table))]
    rule = "|".join(["---"] * len(fidelity.HEADER))
    return "\n".join([f"{_escape(fidelity.title(table))}\n", _line(rows[0]), f"|{rule}|", *map(_line, rows[1:]), ""])


def _line(cells: list[TableCell]) -> str:
    texts = [f"**{_escape(cell.text)}**" if cell.bold else _escape(cell.text) for cell in cells]
    return f"| {' | '.join(texts)} |"


def _escape(text: str) -> str:
    """Keep names from becoming markup; a line break would end the table."""
    return re.sub(r"([\\|*`<>\[\]#_])", r"\\\1", " ".join(text.splitlines()))
