"""The leaderboard as one self-contained HTML file: no script, nothing loaded, every text escaped."""

from __future__ import annotations

from html import escape

from cytobench.analysis.leaderboard import fidelity
from cytobench.analysis.leaderboard.model import Leaderboard, Section
from cytobench.analysis.leaderboard.words import LEGEND
from cytobench.reporting.leaderboard.beside import INTRODUCTION, published_header, published_lines
from cytobench.reporting.leaderboard.tables import TableCell, header, lines

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1b1f; }
body { margin: 2rem auto; max-width: 90rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #d8d8de; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #75757f; }
.number { text-align: right; white-space: nowrap; }
td:last-child { color: #56565f; font-size: .85rem; min-width: 18rem; }
tr.unranked { background: #fdf6e3; }
tr.reference { font-style: italic; }
"""


def to_html(board: Leaderboard) -> str:
    """A whole page."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>cytobench leaderboard</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>cytobench leaderboard</h1>\n{to_fragment(board)}</body>\n</html>\n"
    )


def to_fragment(board: Leaderboard) -> str:
    """What stands in the page, without a style of its own: for a notebook."""
    sections = "\n".join(_section(section) for section in board.sections)
    return f"{sections}\n<p>{escape(LEGEND)}</p>\n"


def _section(section: Section) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in section.notes)
    kinds = ["" if row.rank is not None else "unranked" for row in section.rows] + ["reference"]
    text = f"<h2>{escape(section.title)}</h2>\n<ul>{notes}</ul>\n{_table(header(section), lines(section), kinds)}"
    for measured in section.fidelity:
        head, *body = [[TableCell(text) for text in row] for row in (fidelity.HEADER, *fidelity.lines(measured))]
        text += f"\n<p>{escape(fidelity.title(measured))}</p>\n{_table(head, body, [''] * len(body))}"
    if section.published:
        beside = published_lines(section)
        text += f"\n<p>{escape(INTRODUCTION)}</p>\n{_table(published_header(), beside, [''] * len(beside))}"
    return text


def _table(head: list[TableCell], body: list[list[TableCell]], kinds: list[str]) -> str:
    names = "".join(_cell(cell, "th") for cell in head)
    rows = "\n".join(
        f'<tr class="{kind}">{"".join(_cell(cell, "td") for cell in cells)}</tr>'
        for kind, cells in zip(kinds, body, strict=False)
    )
    return (
        f'<div class="wide"><table>\n<thead><tr>{names}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>'
    )


def _cell(cell: TableCell, tag: str) -> str:
    text = f"<strong>{escape(cell.text)}</strong>" if cell.bold else escape(cell.text)
    kind = ' class="number"' if cell.number else ""
    return f"<{tag}{kind}>{text}</{tag}>"
