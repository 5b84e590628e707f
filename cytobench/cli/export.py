"""``cytobench export``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--generator", required=True, metavar="G", help="Whose images, as the leaderboard names it.")
@click.option("--label", metavar="L", help="One class. [all]")
@click.option("--fold", "folds", type=click.IntRange(min=0), multiple=True, metavar="I", help="Repeatable. [all]")
@click.option("--shots", type=click.IntRange(min=0), metavar="K", help="Where the run has several shot counts.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A new folder.")
@click.option("--artefacts", type=click.Path(path_type=Path), metavar="DIR", help="Another, for the fits: adapters.")
@click.option("--store", type=click.Path(path_type=Path), metavar="DIR", help="Where the run kept them. [DIR/store]")
@click.option("--with-real-images", is_flag=True, help="Also write images that are, or may be, real ones.")
@click.option("--license", "licence", metavar="TEXT", help="The licence that the card names.")
@click.option("--json", "as_json", is_flag=True, help="What was written, as JSON on stdout.")
def export(
    folder: Path,
    generator: str,
    label: str | None,
    folds: tuple[int, ...],
    shots: int | None,
    out: Path,
    artefacts: Path | None,
    store: Path | None,
    with_real_images: bool,
    licence: str | None,
    as_json: bool,
) -> None:
    """Write a generator's synthetic images as an ImageFolder with a card that says what they are made from.

    DIR is a results folder whose store is still there. Images go to OUT/LABEL/0.png and on, or to OUT/fold0/LABEL/
    where each fold has its own.
    """
    import json

    from cytobench.exchange.exported import export_images

    exported = export_images(
        folder,
        generator,
        out,
        store=store,
        shots=shots,
        fold=folds,
        label=label,
        artefacts=artefacts,
        licence=licence,
        with_real_images=with_real_images,
    )
    folders = [str(place) for place in exported.folders]
    if as_json:
        written = {"images": exported.images, "artefacts": exported.artefacts, "folders": folders}
        click.echo(json.dumps({**written, "left_out": exported.left_out}))
    else:
        click.echo("\n".join(folders))
    if exported.left_out:
        some = ", ".join(exported.left_out[:8]) + (" and others" if len(exported.left_out) > 8 else "")
        click.echo(
            f"{len(exported.left_out)} images equal or nearly equal a real one and are left out: {some}. "
            "--with-real-images writes them too.",
            err=True,
        )
    fits = f", {exported.artefacts} artefacts in {artefacts}" if artefacts else ""
    click.echo(f"{exported.images} images{fits}; {out / 'README.md'} says what they are", err=True)
