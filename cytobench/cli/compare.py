"""``cytobench compare``."""

from __future__ import annotations

from pathlib import Path

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command
from cytobench.cli.metrics import metric_option


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--a", "a", metavar="ROW", help="A row, as the leaderboard's column `row` names it.")
@click.option("--b", "b", metavar="ROW", help="The row it is compared with.")
@metric_option
@plugin_module_option
@click.option("--json", "as_json", is_flag=True, help="As JSON on stdout.")
def compare(folder: Path, a: str | None, b: str | None, metric: tuple[str, ...], as_json: bool) -> None:
    """What two rows of a results folder differ by: with intervals, over folds and over test images, and at what cost.

    Without --a and --b: the comparisons that the benchmark declares, first those of the N that validation chose with
    the best baseline that validation chose, and what each gain costs.
    """
    import json

    from cytobench.analysis.compared import compare_results
    from cytobench.analysis.comparison.pair import Comparison
    from cytobench.reporting.comparison.family import family_lines
    from cytobench.reporting.comparison.pair import comparison_lines
    from cytobench.reporting.comparison.values import compared_values

    compared = compare_results(folder, a, b, metric, plugins_for_command)
    if as_json:
        click.echo(json.dumps(compared_values(compared), indent=1, allow_nan=False))
    elif isinstance(compared, Comparison):
        click.echo("\n".join(comparison_lines(compared)))
    else:
        click.echo("\n\n".join("\n".join(family_lines(family)) for family in compared))
