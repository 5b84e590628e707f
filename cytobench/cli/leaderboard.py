"""``cytobench leaderboard``."""

from __future__ import annotations

from pathlib import Path

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command
from cytobench.cli.metrics import metric_option


@click.command()
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "markdown", "csv", "json", "latex", "html"]),
    default="table",
    show_default=True,
    help="How to write it.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@metric_option
@plugin_module_option
@click.option("--published", is_flag=True, help="Show the CytoDiff study's figures beside, with a verdict each.")
def leaderboard(
    folders: tuple[Path, ...], format_: str, as_json: bool, metric: tuple[str, ...], published: bool
) -> None:
    """Show the leaderboard of results folders (the --out of runs).

    Rows of different data, protocols, presets, devices or seeds are never ranked together.
    """
    from cytobench.analysis.published import with_published
    from cytobench.analysis.results import read_results
    from cytobench.reporting.leaderboard import render

    results = read_results(folders, metric, plugins_for_command)
    board = with_published(results.board, results.records) if published else results.board
    click.echo(render(board, "json" if as_json else format_), nl=False)
