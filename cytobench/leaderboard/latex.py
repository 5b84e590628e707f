"""The leaderboard as LaTeX (booktabs)."""

from __future__ import annotations

from cytobench.leaderboard.beside import INTRODUCTION, by_verdict, published_header, published_lines
from cytobench.leaderboard.cells import TableCell, header, lines
from cytobench.leaderboard.model import Leaderboard, Section
from cytobench.leaderboard.words import LEGEND

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "≈": r"$\approx$",
    "†": r"$\dagger$",
    "\n": " ",
}


def to_latex(board: Leaderboard) -> str:
    """One ``table*`` a section; what ran and the remarks stand under it. Needs the package booktabs."""
    return "\n".join(["% needs \\usepackage{booktabs}", *(_section(section) for section in board.sections)])


def _section(section: Section) -> str:
    head, body = header(section), lines(section)
    notes = [f"{row.row}: {cells[-1].text}" for row, cells in zip(section.rows, body, strict=False)]
    caption = " ".join([section.title + ".", *section.notes, LEGEND])
    text = _table(caption, head[:-1], [cells[:-1] for cells in body], notes)
    if section.published:
        verdicts = [f"{', '.join(one.name for one in group)}: {verdict}" for verdict, group in by_verdict(section)]
        rows = [cells[:-1] for cells in published_lines(section)]
        text += "\n" + _table(INTRODUCTION, published_header()[:-1], rows, verdicts)
    return text


def _table(caption: str, head: list[TableCell], body: list[list[TableCell]], notes: list[str]) -> str:
    columns = "".join("r" if cell.number else "l" for cell in head)
    return "\n".join(
        [
            r"\begin{table*}",
            r"\centering\small",
            rf"\caption{{{escape(caption)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            _line(head),
            r"\midrule",
            *(_line(cells) for cells in body),
            r"\bottomrule",
            r"\end{tabular}",
            r"\par\raggedright\footnotesize",
            *(escape(note) + r"\par" for note in notes),
            r"\end{table*}",
            "",
        ]
    )


def escape(text: str) -> str:
    """Text with no meaning to LaTeX."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def _line(cells: list[TableCell]) -> str:
    texts = [rf"\textbf{{{escape(cell.text)}}}" if cell.bold else escape(cell.text) for cell in cells]
    return " & ".join(texts) + r" \\"
