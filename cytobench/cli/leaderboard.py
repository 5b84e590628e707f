"""``cytobench leaderboard``."""

from __future__ import annotations

from pathlib import Path

import click


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
@click.option("--published", is_flag=True, help="Show the CytoDiff study's figures beside, with a verdict each.")
def leaderboard(folders: tuple[Path, ...], format_: str, as_json: bool, published: bool) -> None:
    """Show the leaderboard of results folders (the --out of runs).

    Rows of different data, protocols, presets, devices or seeds are never ranked together.
    """
    from cytobench.analysis.leaderboard import leaderboard as make
    from cytobench.reporting.leaderboard import render
    from cytobench.storage.records import read_records

    records = read_records(folders)
    board = make(records)
    if published:
        from cytobench.analysis.published import with_published

        board = with_published(board, records)
    click.echo(render(board, "json" if as_json else format_), nl=False)
