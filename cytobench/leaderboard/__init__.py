"""The leaderboard: the table made of records, in six formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cytobench.leaderboard.html import to_html
from cytobench.leaderboard.latex import to_latex
from cytobench.leaderboard.lines import to_csv, to_json
from cytobench.leaderboard.markdown import to_markdown
from cytobench.leaderboard.model import Figure, Leaderboard, Row, Section
from cytobench.leaderboard.table import leaderboard
from cytobench.leaderboard.terminal import print_leaderboard

FORMATS: Mapping[str, Callable[[Leaderboard], str]] = {
    "markdown": to_markdown,
    "csv": to_csv,
    "json": to_json,
    "latex": to_latex,
    "html": to_html,
}
"""The formats that are text; ``table`` is printed by :func:`print_leaderboard`."""

__all__ = ["FORMATS", "Figure", "Leaderboard", "Row", "Section", "leaderboard", "print_leaderboard"]
