"""The leaderboard as Markdown (GitHub's tables)."""

from __future__ import annotations

import re

from cytobench.analysis.leaderboard.model import Leaderboard, Section
from cytobench.reporting.leaderboard import fidelity
from cytobench.reporting.leaderboard.beside import INTRODUCTION, published_header, published_lines
from cytobench.reporting.leaderboard.tables import TableCell, header, lines
from cytobench.reporting.words import LEGEND


def to_markdown(board: Leaderboard) -> str:
    """One heading and table a section."""
    return "\n".join([*(_section(section) for section in board.sections), LEGEND, ""])


def _section(section: Section) -> str:
    notes = "\n".join(f"- {escape(note)}" for note in section.notes)
    text = f"## {escape(section.title)}\n\n{notes}\n\n{_table(header(section), lines(section))}"
    for measured in section.fidelity:
        head, *body = [[TableCell(text) for text in row] for row in (fidelity.HEADER, *fidelity.lines(measured))]
        text += f"\n{escape(fidelity.title(measured))}\n\n{_table(head, body)}"
    if section.published:
        text += f"\n{escape(INTRODUCTION)}\n\n{_table(published_header(), published_lines(section))}"
    return text


def _table(head: list[TableCell], body: list[list[TableCell]]) -> str:
    rule = "|".join("---:" if cell.number else "---" for cell in head)
    return "\n".join([_line(head), f"|{rule}|", *(_line(cells) for cells in body)]) + "\n"


def _line(cells: list[TableCell]) -> str:
    texts = [f"**{escape(cell.text)}**" if cell.bold else escape(cell.text) for cell in cells]
    return f"| {' | '.join(texts)} |"


def escape(text: str) -> str:
    """Keep names from becoming markup; a line break would end the table."""
    return re.sub(r"([\\|*`<>\[\]#_])", r"\\\1", " ".join(text.splitlines()))
