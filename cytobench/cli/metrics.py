"""``--metric``, the same for every command that shows rows."""

from __future__ import annotations

import click

metric_option = click.option(
    "--metric",
    multiple=True,
    metavar="M",
    help="Show this metric too, for example mcc or recall:LABEL; the first one ranks and compares. Repeatable.",
)
"""The command gets the names as ``metric``."""
