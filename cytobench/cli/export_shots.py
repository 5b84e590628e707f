"""``cytobench export-shots``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command


@click.command("export-shots")
@click.argument("dataset", metavar="NAME|PATH")
@click.option("--shots", type=int, required=True, metavar="K", help="Real images a class and fold.")
@click.option("--select", metavar="first|random|sharpest|FILE", help="How shots are chosen. [random]")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A new or empty folder.")
@click.option("--protocol", metavar="NAME", help="How images are divided over folds. [strict]")
@click.option("--folds", type=int, metavar="K", help="How many folds the protocol makes. [5]")
@click.option("--fold", type=int, multiple=True, metavar="I", help="Only this fold's, from 0; repeatable.")
@click.option("--seed", type=int, metavar="S", help="The run's seed. [42]")
@click.option("--limit", type=int, metavar="N", help="Only the first N images a class.")
@click.option("--train-only", multiple=True, metavar="LABEL", help="A class that is only in training parts.")
@click.option("--merge", multiple=True, metavar="A,B=NAME", help="Classes taken as one; repeatable.")
@click.option("--prompts", type=click.Path(path_type=Path), metavar="FILE", help="TOML, a table a label.")
@plugin_module_option
def export_shots(dataset: str, shots: int, out: Path, prompts: Path | None, **options: Any) -> None:
    """Write every fold's shots with their prompts, to tune a generator outside cytobench.

    DIR/foldI/LABEL/NAME.png, DIR/manifest.csv and DIR/prompts.toml; the very shots that a run with the same options
    tunes on. Put what the generator makes of them into MADE/foldI/LABEL/ and hand it in with
    `cytobench run --generator folder --set folder.path=MADE --trained-on per-fold`.
    """
    from cytobench.exchange.submitted.shots import export_shots as export

    declared = {name: value for name, value in options.items() if value not in (None, ())}
    plugins = plugins_for_command()
    manifest = export(shots, out, prompts_file=prompts, plugins=plugins, dataset=dataset, **declared)
    folds = manifest["fold"].nunique()
    click.echo(f"{out}: {len(manifest)} shots of {manifest['label'].nunique()} classes, {folds} folds")
