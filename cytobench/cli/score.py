"""``cytobench score``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command


@click.command()
@click.argument("file", metavar="PREDICTIONS", type=click.Path(path_type=Path))
@click.option("--metric", multiple=True, metavar="M", help="Also this one: mcc, recall:LABEL, ... Repeatable.")
@plugin_module_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def score(file: Path, metric: tuple[str, ...], as_json: bool) -> None:
    """Score predictions of any system: accuracy, macro F1, macro AUC, and other metrics that are asked for.

    PREDICTIONS is CSV or Parquet with the columns label and predicted, one row an image, and optionally p_LABEL for
    every class. With a column split each split has scores of its own; --json then nests them under "splits", if there
    are several.
    """
    from cytobench.exchange.submitted.predictions import read_predictions
    from cytobench.exchange.submitted.score import NEEDED, failures, notes_on, plain_scores
    from cytobench.exchange.submitted.score import score as compute
    from cytobench.metrics.built_in import STUDY
    from cytobench.plugins.metrics import find_metrics

    metrics = find_metrics([*(shown.name for shown in STUDY), *metric], plugins_for_command)
    predictions = read_predictions(file, NEEDED)
    notes, scores = notes_on(predictions), compute(predictions, metrics)
    for note in (*notes, *failures(scores)):
        click.echo(f"Note: {note}.", err=True)
    if as_json:
        click.echo(json.dumps(plain_scores(scores), allow_nan=False))
        return
    from cytobench.cli.output.table import table

    names = [shown.name for shown in metrics]
    rows = [
        [split or "all", values["n"], *("-" if values[name] is None else f"{values[name]:.4f}" for name in names)]
        for split, values in scores.items()
    ]
    table(("split", "images", *names), rows)
