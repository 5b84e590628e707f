"""``cytobench data split``."""

from __future__ import annotations

from pathlib import Path

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command


@click.command("split")
@click.argument("path", metavar="NAME|PATH")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The CSV to write.",
)
@click.option("--protocol", default="strict", show_default=True)
@click.option("--folds", type=int, default=5, show_default=True)
@click.option("--seed", type=int, default=42, show_default=True)
@click.option("--shots", type=int, metavar="K", help="Also mark each fold's shots, in columns shot0 and on.")
@click.option("--select", default="random", show_default=True, metavar="first|random|sharpest|FILE")
@click.option("--synthetic", type=int, default=0, metavar="N", help="Also show where N synthetic images a class go.")
@click.option("--limit", type=int, metavar="N", help="Only the first N images a class.")
@click.option("--merge", multiple=True, metavar="A,B=NAME", help="Classes taken as one; repeatable.")
@click.option("--train-only", multiple=True, metavar="LABEL", help="A class that is only in training parts.")
@plugin_module_option
def split_command(
    path: str,
    out: Path,
    protocol: str,
    folds: int,
    seed: int,
    shots: int | None,
    select: str,
    synthetic: int,
    limit: int | None,
    merge: tuple[str, ...],
    train_only: tuple[str, ...],
) -> None:
    """Write which image is in which part of every fold: path, label, shot0..., fold0... (train, val, test).

    Images are decoded only where the protocol keeps copies together.
    """
    from cytobench.atomic import write_bytes
    from cytobench.data.choice import RANDOM, find_choice
    from cytobench.data.dataset import from_listing, undecoded
    from cytobench.data.findings import dataset_findings
    from cytobench.data.open import list_path, open_dataset
    from cytobench.errors import UserError
    from cytobench.protocols import find_protocol, split, split_table
    from cytobench.protocols.evenness import uneven_folds
    from cytobench.storage.cache import cache_folder

    chosen = find_protocol(protocol)
    for option, value, least in (("--synthetic", synthetic, 0), ("--shots", 1 if shots is None else shots, 1)):
        if value < least:
            raise UserError(f"{option} {value}: must be at least {least}.")
    if select != "random" and shots is None:
        raise UserError(f"--select {select}: it chooses shots, so add --shots K.")
    installed = plugins_for_command().datasets
    if path in installed:
        dataset = open_dataset(path, installed, cache_folder())
    else:
        listing = list_path(path, installed, present_only=False)
        absent = sum(not (listing.root / name).is_file() for name in listing.table["path"])
        if absent and chosen.keep_together:
            click.echo(f"{absent} images are not there: copies of an image are not looked for.", err=True)
        if absent and select == "sharpest":
            raise UserError(f"--select sharpest: it looks at the images, and {absent} of {path} are not there.")
        decode = chosen.keep_together and not absent
        dataset = from_listing(listing, cache_folder()) if decode else undecoded(listing)
    for classes in merge:
        dataset = dataset.merge(classes)
    if limit is not None:
        dataset = dataset.limit(limit)
    apart = [dataset.label_of(name) for name in train_only]
    choice = RANDOM if shots is None else find_choice(select, dataset, cache_folder())
    table = split_table(dataset, chosen, folds, seed, apart, shots, synthetic, choice)
    divided = split(dataset, chosen, folds, seed, apart)
    for finding in (*dataset_findings(dataset), *uneven_folds(dataset, divided, apart)):
        click.echo(f"Note: {finding.text}", err=True)
    write_bytes(out, table.to_csv(index=False).encode())
    click.echo(f"{out}: {len(table)} images, {folds} folds")
