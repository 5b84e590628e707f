"""Tables as LaTeX (booktabs), by pandas' Styler."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from cytobench.reporting.tables.model import Table

_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        **{character: f"\\{character}" for character in "{}$&#%_"},
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "±": r"$\pm$",
        "≈": r"$\approx$",
        "↓": r"$\downarrow$",
        "†": r"$\dagger$",
        "‡": r"$\ddagger$",
        "\n": " ",
    }
)


def escape(text: str) -> str:
    """Text with no meaning to LaTeX. Styler's own escape leaves ± and ≈, and does not reach captions and notes."""
    return text.translate(_SPECIAL)


def to_latex(table: Table) -> str:
    """A ``table*`` as wide as a page, the notes under it; needs the package booktabs alone."""
    return "\n".join(
        [
            r"\begin{table*}",
            r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{escape(table.title)}}}",
            _tabular(table),
            r"\par\raggedright\scriptsize",
            *(escape(note) + r"\par" for note in table.notes),
            r"\end{table*}",
            "",
        ]
    )


def _tabular(table: Table) -> str:
    import pandas as pd

    # Styler takes no two columns of one name, so that they go by number until they are written.
    names: dict[object, str] = {i: escape(column.name) for i, column in enumerate(table.columns)}
    frame = pd.DataFrame([row.cells for row in table.rows], columns=list(names), dtype=object)
    style = frame.style.hide(axis="index").format(_cell).format_index(lambda i: names[i], axis="columns")
    alignment = "".join("r" if column.number else "l" for column in table.columns)
    text = str(style.to_latex(hrules=True, column_format=alignment)).rstrip("\n")
    return text.replace("\\toprule\n", f"\\toprule\n{_groups(table)}", 1)


def _cell(cell: Any) -> str:
    return rf"\textbf{{{escape(cell.text)}}}" if cell.best else escape(cell.text)


def _groups(table: Table) -> str:
    """A line that heads the columns of each group, with a rule under it; empty where there are none."""
    cells, rules, start = [], [], 1
    for group, columns in groupby(table.columns, key=lambda column: column.group):
        width = len(list(columns))
        if group:
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(group)}}} ")
            rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
        else:
            cells += [""] * width
        start += width
    return f" {'& '.join(cells)}\\\\ {' '.join(rules)}\n" if rules else ""
