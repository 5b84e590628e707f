"""The leaderboard as a document: Markdown, LaTeX and HTML."""

from __future__ import annotations

from dataclasses import replace

from cytobench.analysis.leaderboard.model import Leaderboard, Section
from cytobench.reporting.leaderboard.fidelity import fidelity_table
from cytobench.reporting.leaderboard.tables import (
    INTRODUCTION,
    MAJORITY,
    by_verdict,
    published_table,
    split_table,
    wide_table,
)
from cytobench.reporting.tables import Table, latex, markdown
from cytobench.reporting.tables.html import fill
from cytobench.reporting.words import SPLIT_NAMES, legend


def to_markdown(board: Leaderboard) -> str:
    """A heading and tables a section."""
    return "\n".join([*(_markdown(section) for section in board.sections), legend(board), ""])


def to_html(board: Leaderboard) -> str:
    """A whole page in one file: no script, nothing loaded, every text escaped."""
    return fill("leaderboard/leaderboard.html", sections=_sections(board), legend=legend(board))


def to_fragment(board: Leaderboard) -> str:
    """What stands in the page, without a style of its own: for a notebook."""
    return fill("leaderboard/fragment.html", sections=_sections(board), legend=legend(board))


def to_latex(board: Leaderboard) -> str:
    """A ``table*`` a section and a line a split; what ran and the remarks stand under it.

    Needs the package booktabs; names in other scripts than Latin need XeLaTeX or LuaLaTeX with a font that has them.
    """
    tables = [table for section in board.sections for table in _latex(section, legend(board))]
    return "\n".join(["% needs \\usepackage{booktabs}", *map(latex.to_latex, tables)])


def _sections(board: Leaderboard) -> list[tuple[str, tuple[str, ...], list[Table]]]:
    """Title, notes and tables of each section."""
    return [(section.title, section.notes, _tables(section)) for section in board.sections]


def _tables(section: Section) -> list[Table]:
    """The table of a section, and those that belong under it."""
    published = [published_table(section.published, section.metrics)] if section.published else []
    ranked = replace(wide_table(section), notes=())  # which stand above it
    return [ranked, *map(fidelity_table, section.fidelity), *published]


def _markdown(section: Section) -> str:
    notes = "\n".join(f"- {markdown.escape(note)}" for note in section.notes)
    table, *others = _tables(section)
    text = f"## {markdown.escape(section.title)}\n\n{notes}\n\n{markdown.to_markdown(table)}"
    return text + "".join(f"\n{markdown.escape(other.title)}\n\n{markdown.to_markdown(other)}" for other in others)


def _latex(section: Section, explained: str) -> list[Table]:
    table = split_table(section, MAJORITY, SPLIT_NAMES)
    caption = " ".join([f"{section.title}.", *section.notes, explained])
    notes = tuple(f"{row.name}: {'. '.join(row.remarks)}" for row in table.rows if row.remarks)
    return [replace(table, title=caption, notes=notes), *_latex_published(section)]


def _latex_published(section: Section) -> list[Table]:
    """A table for each of the study's: all in one is longer than a page."""
    tables = []
    for name in dict.fromkeys(comparison.table for comparison in section.published):
        rows = [comparison for comparison in section.published if comparison.table == name]
        verdicts = tuple(
            f"{', '.join(comparison.name for comparison in group if comparison.table == name)}: {verdict}"
            for verdict, group in by_verdict(section)
            if any(comparison.table == name for comparison in group)
        )
        table = published_table(rows, section.metrics, ours="ours").part(1, -2)
        tables.append(replace(table, title=f"Table {name}. {INTRODUCTION}", notes=verdicts))
    return tables
