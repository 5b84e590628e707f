"""The leaderboard in six formats."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping

from rich.console import Console

from cytobench.analysis.leaderboard.model import Leaderboard
from cytobench.reporting.leaderboard.data import to_csv, to_dataframe, to_json
from cytobench.reporting.leaderboard.documents import to_fragment, to_html, to_latex, to_markdown
from cytobench.reporting.leaderboard.terminal import print_leaderboard

FORMATS: Mapping[str, Callable[[Leaderboard], str]] = {
    "markdown": to_markdown,
    "csv": to_csv,
    "json": to_json,
    "latex": to_latex,
    "html": to_html,
}
"""The formats for files; :func:`render` knows ``table`` besides."""


def render(board: Leaderboard, name: str) -> str:
    """A leaderboard as text: ``table`` (styled if stdout is a terminal) or one of ``FORMATS``."""
    if name != "table":
        return FORMATS[name](board)
    buffer = io.StringIO()
    print_leaderboard(board, Console(file=buffer, force_terminal=sys.stdout.isatty()))
    return buffer.getvalue()


__all__ = ["FORMATS", "print_leaderboard", "render", "to_dataframe", "to_fragment"]
