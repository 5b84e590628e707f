"""``cytobench score``."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("file", metavar="PREDICTIONS", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def score(file: Path, as_json: bool) -> None:
    """Score predictions of any system: accuracy, macro F1 and macro AUC.

    PREDICTIONS is CSV or Parquet with the columns label and predicted, one row an image, and optionally p_LABEL for
    every class. With a column split each split has scores of its own; --json then nests them under "splits", if there
    are several.
    """
    from cytobench.exchange.submitted.predictions import read_predictions
    from cytobench.exchange.submitted.score import score as compute
    from cytobench.exchange.submitted.score import strange_predictions
    from cytobench.metrics.classification import METRICS

    predictions = read_predictions(file, ("label", "predicted"))
    strange, found = strange_predictions(predictions), compute(predictions)
    notes = list(predictions.notes)
    if strange:
        notes.append(f"predicted, and the label of no image: {', '.join(strange)}; macro F1 counts them as classes")
    for note in notes:
        click.echo(f"Note: {note}.", err=True)
    if as_json:
        values = next(iter(found.values())) if len(found) == 1 else {"splits": found}
        click.echo(json.dumps(values, allow_nan=False))
        return
    from cytobench.cli.described import table

    rows = [
        [name or "all", values["n"], *("-" if values[one] is None else f"{values[one]:.4f}" for one in METRICS)]
        for name, values in found.items()
    ]
    table(("split", "images", *METRICS), rows)
