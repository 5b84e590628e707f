"""The leaderboard as LaTeX (booktabs)."""

from __future__ import annotations

from cytobench.analysis.leaderboard.model import Leaderboard, Section
from cytobench.reporting.leaderboard.beside import INTRODUCTION, by_verdict, published_header, published_lines
from cytobench.reporting.leaderboard.tables import TableCell, header, lines, splits_of
from cytobench.reporting.words import LEGEND, METRIC_NAMES, SPLIT_NAMES

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
    """One ``table*`` a section and a line a split, as wide as a page; what ran and the remarks stand under it.

    Needs the package booktabs; names in other scripts than Latin need XeLaTeX or LuaLaTeX with a font that has them.
    """
    return "\n".join(["% needs \\usepackage{booktabs}", *(_section(section) for section in board.sections)])


def _section(section: Section) -> str:
    head, body = header(section), lines(section)
    notes = [f"{row.row}: {cells[-1].text}" for row, cells in zip(section.rows, body, strict=False)]
    caption = " ".join([section.title + ".", *section.notes, LEGEND])
    text = _table(caption, "", *_a_line_a_split(section, head[:-1], [cells[:-1] for cells in body]), notes)
    return "\n".join([text, *_published(section)])


def _a_line_a_split(
    section: Section, head: list[TableCell], body: list[list[TableCell]]
) -> tuple[list[TableCell], list[list[TableCell]]]:
    """The wide table with the splits of a row under each other: all of them side by side are wider than a page."""
    metrics = len(METRIC_NAMES)
    first = len(head) - 1 - metrics * len(section.splits)
    result = []
    for cells in body:
        for number, split in enumerate(splits_of(section)):
            names = cells[:first] if number == 0 else [TableCell("")] * first
            begin = first + metrics * number
            time = cells[-1] if number == 0 else TableCell("")
            result.append([*names, TableCell(SPLIT_NAMES[split]), *cells[begin : begin + metrics], time])
    figures = [TableCell(name, number=True) for name in METRIC_NAMES.values()]
    return [*head[:first], TableCell("split"), *figures, head[-1]], result


def _published(section: Section) -> list[str]:
    """A table for each of the study's: all in one is longer than a page."""
    metrics = [TableCell(name, number=True) for name in METRIC_NAMES.values()]
    head = [*published_header()[1:4], *metrics, *metrics]
    above = r" & & & \multicolumn{3}{c}{published} & \multicolumn{3}{c}{ours} \\ \cmidrule(lr){4-6} \cmidrule(lr){7-9}"
    tables = []
    for table in dict.fromkeys(one.table for one in section.published):
        rows = [cells[1:-2] for cells in published_lines(section) if cells[0].text == table]
        verdicts = [
            f"{', '.join(one.name for one in group if one.table == table)}: {verdict}"
            for verdict, group in by_verdict(section)
            if any(one.table == table for one in group)
        ]
        tables.append(_table(f"Table {table}. {INTRODUCTION}", above, head, rows, verdicts))
    return tables


def _table(caption: str, above: str, head: list[TableCell], body: list[list[TableCell]], notes: list[str]) -> str:
    columns = "".join("r" if cell.number else "l" for cell in head)
    return "\n".join(
        [
            r"\begin{table*}",
            r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{escape(caption)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *([above] if above else []),
            _line(head),
            r"\midrule",
            *(_line(cells) for cells in body),
            r"\bottomrule",
            r"\end{tabular}",
            r"\par\raggedright\scriptsize",
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
