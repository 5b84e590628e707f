"""The leaderboard as one self-contained HTML file: no script, nothing loaded, every text escaped."""

from __future__ import annotations

from html import escape

from cytobench.leaderboard import fidelity
from cytobench.leaderboard.cells import TableCell, header, lines
from cytobench.leaderboard.model import FidelityTable, Leaderboard, Section
from cytobench.leaderboard.words import LEGEND

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
    sections = "\n".join(_section(section) for section in board.sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>cytobench leaderboard</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>cytobench leaderboard</h1>\n{sections}\n<p>{escape(LEGEND)}</p>\n</body>\n</html>\n"
    )


def _section(section: Section) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in section.notes)
    head = "".join(_cell(cell, "th") for cell in header(section))
    kinds = ["" if row.rank is not None else "unranked" for row in section.rows] + ["reference"]
    body = "\n".join(
        f'<tr class="{kind}">{"".join(_cell(cell, "td") for cell in cells)}</tr>'
        for kind, cells in zip(kinds, lines(section), strict=False)
    )
    return (
        f'<h2>{escape(section.title)}</h2>\n<ul>{notes}</ul>\n<div class="wide"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
        + "".join(_fidelity(table) for table in section.fidelity)
    )


def _fidelity(table: FidelityTable) -> str:
    head = "".join(_cell(TableCell(name), "th") for name in fidelity.HEADER)
    body = "\n".join(
        f"<tr>{''.join(_cell(TableCell(text), 'td') for text in row)}</tr>" for row in fidelity.lines(table)
    )
    return (
        f'\n<p>{escape(fidelity.title(table))}</p>\n<div class="wide"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _cell(cell: TableCell, tag: str) -> str:
    text = f"<strong>{escape(cell.text)}</strong>" if cell.bold else escape(cell.text)
    kind = ' class="number"' if cell.number else ""
    return f"<{tag}{kind}>{text}</{tag}>"
