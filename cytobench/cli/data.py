"""``cytobench data``: describe and export data sets. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command
from cytobench.cli.manifest import manifest_command
from cytobench.cli.split import split_command

if TYPE_CHECKING:
    from cytobench.contract import ClassifierSpec, DatasetSpec
    from cytobench.data.listing import Listing
    from cytobench.plugins import Offers
    from cytobench.protocols.describe import Examined


@click.group("data")
def data() -> None:
    """Describe, split and export data sets."""


data.add_command(split_command)
data.add_command(manifest_command)


@data.command("describe")
@click.argument("path", metavar="NAME|PATH")
@click.option("--prompts", type=click.Path(path_type=Path), help="Count the prompts of this TOML file.")
@click.option("--folds", type=int, default=5, show_default=True, metavar="K", help="Folds that classes must last for.")
@click.option("--shots", type=int, default=16, show_default=True, metavar="K", help="Shots that they must last for.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Also draw the least sharp and most over-exposed images.",
)
@plugin_module_option
@click.option(
    "--quality-sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Also draw the sharpest and the least sharp cells of each class.",
)
@click.option("--label", metavar="L", help="With --quality-sheet: only this class, by label or code.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def describe_command(
    ctx: click.Context,
    path: str,
    prompts: Path | None,
    folds: int,
    shots: int,
    picture: Path | None,
    quality_sheet: Path | None,
    label: str | None,
    as_json: bool,
) -> None:
    """Say what to know before a run: counts, sizes, copies, blurred images, rare classes, prompts and their tokens.

    Bad images, which a run would refuse, are listed (exit code 1).

    PATH is a folder of classes (PATH/LABEL/IMAGE) or a manifest: CSV or Parquet with the columns path
    (relative to the manifest) and label, and optionally group, quality, generator_prompt, classifier_prompt.
    """
    from cytobench.cli.output.description import show
    from cytobench.data.prompts import read_prompts
    from cytobench.data.quality.tiles import refuse_target
    from cytobench.errors import UserError
    from cytobench.protocols.describe import describe, examine
    from cytobench.protocols.rarity import refuse_counts
    from cytobench.storage.cache import cache_folder

    refuse_counts(folds, shots)
    declared = read_prompts(prompts) if prompts else {}
    plugins = plugins_for_command()
    listing = _listing(path, plugins.datasets)
    for parameter, file in (("picture", picture), ("quality_sheet", quality_sheet)):
        if file:
            refuse_target(file, listing.root, list(listing.table["path"]), parameter)
    if label and not quality_sheet:
        raise UserError(f"--label {label}: it is a class of the --quality-sheet, so add --quality-sheet FILE.png.")
    count_tokens, cut_off = _tokens(plugins.classifiers)
    examined = examine(listing, cache_folder())
    label = examined.dataset.label_of(label) if label else None
    described = describe(examined, declared, folds, shots, count_tokens, cut_off)
    if described["images"]:
        _draw(examined, picture, quality_sheet, label)
    if as_json:
        click.echo(json.dumps(described, indent=1, allow_nan=False))
    else:
        show(described)
    if described["bad"]:
        ctx.exit(1)


def _draw(examined: Examined, picture: Path | None, quality_sheet: Path | None, label: str | None) -> None:
    """Write the sheets that were asked for."""
    from cytobench.data.quality.sheet import draw_sheet
    from cytobench.data.quality.tiles import write_picture
    from cytobench.data.quality_sheet import draw_quality_sheet

    dataset = examined.dataset
    if picture:
        write_picture(picture, draw_sheet(dataset.root, dataset.table), "picture")
        click.echo(f"{picture} written", err=True)
    if quality_sheet:
        labels = dataset.labels if label is None else [label]
        drawn = draw_quality_sheet(dataset.root, dataset.table, labels)
        write_picture(quality_sheet, drawn, "quality_sheet")
        click.echo(f"{quality_sheet} written", err=True)


@data.command("export")
@click.argument("path", metavar="NAME|PATH")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@plugin_module_option
def export_command(path: str, folder: Path) -> None:
    """Write every image of a data set to DIR/LABEL/NAME.png. DIR must be new or empty."""
    from cytobench.data.export import export
    from cytobench.data.open import open_dataset
    from cytobench.storage.cache import cache_folder

    dataset = open_dataset(path, plugins_for_command().datasets, cache_folder())
    number = export(dataset, folder)
    click.echo(f"{number} images of {len(dataset.labels)} classes written to {folder}")


def _listing(path: str, installed: Offers[DatasetSpec]) -> Listing:
    from cytobench.data.listing import Listing
    from cytobench.data.open import list_path, open_dataset
    from cytobench.storage.cache import cache_folder

    if path not in installed:
        return list_path(path, installed)
    dataset = open_dataset(path, installed, cache_folder())
    table = dataset.table.drop(columns="digest")
    return Listing(dataset.name, dataset.root, table, dataset.labels, dataset.prompts)


def _tokens(
    classifiers: Offers[ClassifierSpec],
) -> tuple[Callable[[Sequence[str]], Sequence[int]] | None, Callable[[str], str] | None]:
    """How the first classifier that reads prompts counts their tokens, built-in ones first, and what it cuts off."""
    from cytobench.plugins.factory import load

    for offer in sorted(classifiers.values(), key=lambda offer: not offer.built_in):
        if offer.spec.count_tokens and offer.spec.cut_off:
            with suppress(ImportError):
                count_tokens, cut_off = load(offer.spec.count_tokens), load(offer.spec.cut_off)
                count_tokens([""])  # its tokenizer is imported here
                return count_tokens, cut_off
    return None, None
