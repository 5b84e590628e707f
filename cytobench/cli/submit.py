"""``cytobench submit``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("file", metavar="PREDICTIONS", type=click.Path(path_type=Path))
@click.option(
    "--split",
    type=click.Path(path_type=Path),
    required=True,
    metavar="SPLIT.csv",
    help="The split that was predicted, as `cytobench data split --out SPLIT.csv` writes it.",
)
@click.option("--name", required=True, metavar="NAME", help="The system's name in tables.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR", help="Records go here."
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="A run on the same split, to be ranked beside. [--out, if it holds one]",
)
@click.option("--json", "as_json", is_flag=True, help="What was recorded, as JSON on stdout.")
def submit(file: Path, split: Path, name: str, out: Path, results: Path | None, as_json: bool) -> None:
    """Record predictions of another system, so that `cytobench leaderboard` ranks it, marked as submitted.

    PREDICTIONS is CSV or Parquet: path, predicted, and optionally label, fold, split (test, validation) and p_LABEL for
    every class. Every test image of every fold must be there once, predicted by a model that saw neither it nor its
    fold's validation images in training.
    """
    import json

    from cytobench.exchange.submitted.submit import submit as record

    done = record(file, split, name, out, results)
    for note in done.notes:
        click.echo(f"Note: {note}.", err=True)
    if done.left_out:
        folds = ", ".join(map(str, done.left_out))
        click.echo(f"Note: not recorded, the run in {done.beside} has no fold {folds}.", err=True)
    if as_json:
        beside = None if done.beside is None else str(done.beside)
        values = {"row": done.row, "folds": done.folds, "left_out": done.left_out, "beside": beside, "out": str(out)}
        click.echo(json.dumps(values))
        return
    beside = "alone, in a section of its own" if done.beside is None else f"beside the run in {done.beside}"
    click.echo(f"{done.row}: {len(done.folds)} folds recorded in {out}; it stands {beside}")
