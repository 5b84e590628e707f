"""``cytobench confusion``."""

from __future__ import annotations

from pathlib import Path

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command
from cytobench.cli.metrics import metric_option


@click.command()
@click.argument("folders", metavar="[DIR...]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--row", metavar="ROW", help="GENERATOR/CLASSIFIER/sSHOTS/nN, as the leaderboard's CSV names it.")
@click.option("--split", default="test", show_default=True, help="Which predictions to count.")
@click.option("--published", metavar="FIG", help="The CytoDiff study's: s3, s4, s9 or s10; beside a row or alone.")
@metric_option
@plugin_module_option
@click.option(
    "--format", "format_", type=click.Choice(["table", "csv", "json", "svg"]), default="table", show_default=True
)
def confusion(
    folders: tuple[Path, ...],
    row: str | None,
    split: str,
    published: str | None,
    metric: tuple[str, ...],
    format_: str,
) -> None:
    """Show which classes a row takes for which: its predictions on record, all folds together.

    Rows are true classes, columns predicted ones; each cell has the number of images and its share of the row. A row
    that lacks a fold is refused. With --published the study's matrix stands beside, with a verdict.
    """
    from cytobench.analysis.confusion import recorded_matrix
    from cytobench.analysis.published import matrix_with_verdict, published_matrix
    from cytobench.errors import UserError
    from cytobench.reporting.confusion import FORMATS

    if bool(folders) != (row is not None):
        raise UserError("name both a results folder and a row: cytobench confusion DIR --row ROW.")
    if row is None and published is None:
        raise UserError("nothing to show: name a results folder and a --row, or --published s3, s4, s9 or s10.")
    matrices = []
    records = None
    if row is not None:
        matrix, records = recorded_matrix(folders, row, split, metric, plugins_for_command)
        matrices.append(matrix)
    if published is not None:
        matrices.append(
            published_matrix(published) if records is None else matrix_with_verdict(published, records, split)
        )
    click.echo(FORMATS[format_](matrices), nl=False)
