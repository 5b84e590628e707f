"""``cytobench generate``."""

from __future__ import annotations

from pathlib import Path

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command
from cytobench.cli.run import parse_set
from cytobench.plugins.diverted import prints_to_stderr

TOLD = 20
"""Copies of real images that are told one by one, at most."""


@click.command()
@click.option("--generator", required=True, metavar="G", help="Generator. See `cytobench plugins`.")
@click.option("--dataset", default="phantom", show_default=True, metavar="NAME|PATH")
@click.option("--label", required=True, metavar="L", help="The class to draw, by label or code.")
@click.option("--shots", type=click.IntRange(min=1), default=16, show_default=True, metavar="K")
@click.option("--select", default="random", show_default=True, metavar="first|random|sharpest|FILE")
@click.option("-n", "n", type=click.IntRange(min=1), required=True, metavar="N", help="How many images.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Images go to DIR/LABEL.")
@click.option("--preset", metavar="pocket|paper", help="[pocket for phantom, paper for all others]")
@click.option("--seed", type=int, default=42, show_default=True)
@click.option("--set", "values", multiple=True, metavar="PLUGIN.KEY=VALUE", help="A value of the configuration.")
@click.option("--prompts", type=click.Path(path_type=Path), metavar="FILE", help="TOML, a table a label.")
@click.option("--device", metavar="D", help="A torch device.")
@click.option("--store", type=click.Path(path_type=Path), metavar="DIR", help="Keep fits here. [the cache folder]")
@click.option("--with-real-images", is_flag=True, help="Also write images that copy an image of the data set.")
@plugin_module_option
@click.option("--json", "as_json", is_flag=True, help="What was made, as JSON on stdout.")
def generate(
    generator: str,
    dataset: str,
    label: str,
    shots: int,
    select: str,
    n: int,
    out: Path,
    preset: str | None,
    seed: int,
    values: tuple[str, ...],
    prompts: Path | None,
    device: str | None,
    store: Path | None,
    with_real_images: bool,
    as_json: bool,
) -> None:
    """Tune a generator on shots of one class, from the whole data set, and write DIR/LABEL/0.png and on.

    The images may have seen any image of the data set: never test a classifier on it with them. Each is compared with
    all images of the data set; those that equal or nearly equal one are left out, and told.
    """
    import json

    from cytobench.pipeline.generate import generate_images

    with prints_to_stderr():
        generated = generate_images(
            generator,
            dataset,
            label,
            shots,
            n,
            out,
            preset=preset,
            select=select,
            seed=seed,
            values=parse_set(values),
            prompts_file=prompts,
            device=device,
            store=store,
            with_real_images=with_real_images,
            plugins=plugins_for_command(),
        )
    for number, real in list(generated.copies.items())[:TOLD]:
        click.echo(f"image {number} equals or nearly equals {real} of the data set", err=True)
    if generated.copies:
        done = "written all the same" if generated.images == n else "left out; --with-real-images writes them too"
        click.echo(f"{len(generated.copies)} of {n} images are copies of real ones: {done}.", err=True)
    folder, images, used = generated.folder, generated.images, generated.shots
    copies = [{"image": number, "real": real} for number, real in generated.copies.items()]
    written = {"folder": str(folder), "images": images, "shots": used, "copies": copies}
    tuned = "made or tuned elsewhere" if used is None else f"tuned on {used} shots"
    click.echo(json.dumps(written) if as_json else f"{folder}: {images} images, {tuned}")
