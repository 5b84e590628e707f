"""``cytobench data split``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("split")
@click.argument("path", metavar="NAME|PATH")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The CSV to write.")
@click.option("--protocol", default="strict", show_default=True)
@click.option("--folds", type=int, default=5, show_default=True)
@click.option("--seed", type=int, default=42, show_default=True)
@click.option("--shots", type=int, metavar="K", help="Also mark each fold's shots, in columns shot0 and on.")
@click.option("--limit", type=int, metavar="N", help="Only the first N images a class.")
@click.option("--train-only", multiple=True, metavar="LABEL", help="A class that is only in training parts.")
def split_command(
    path: str,
    out: Path,
    protocol: str,
    folds: int,
    seed: int,
    shots: int | None,
    limit: int | None,
    train_only: tuple[str, ...],
) -> None:
    """Write which image is in which part of every fold: path, label, shot0..., fold0... (train, val, test)."""
    from cytobench.atomic import write_bytes
    from cytobench.data.cache import cache_folder
    from cytobench.data.open import open_dataset
    from cytobench.plugins import load_plugins
    from cytobench.protocols import find_protocol, split_table

    specs = {name: offer.spec for name, offer in load_plugins().datasets.items()}
    dataset = open_dataset(path, specs, cache_folder())
    if limit is not None:
        dataset = dataset.limit(limit)
    apart = [dataset.label_of(name) for name in train_only]
    table = split_table(dataset, find_protocol(protocol), folds, seed, apart, shots)
    write_bytes(out, table.to_csv(index=False).encode())
    click.echo(f"{out}: {len(table)} images, {folds} folds")
