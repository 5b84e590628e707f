"""``cytobench fidelity``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cytobench.cli.run import parse_set


@click.command()
@click.option("--real", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Real images, held out.")
@click.option("--synthetic", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Synthetic images.")
@click.option("--extractor", default="lite0", show_default=True, metavar="E", help="See `cytobench plugins`.")
@click.option("--set", "values", multiple=True, metavar="E.KEY=VALUE", help="A value of the extractor's configuration.")
@click.option("--preset", default="paper", show_default=True, metavar="pocket|paper", help="Of the extractor.")
@click.option("--device", metavar="D", help="A torch device. [the accelerator if there is one, else cpu]")
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Of subsets, parts and halves.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def fidelity(
    real: Path,
    synthetic: Path,
    extractor: str,
    values: tuple[str, ...],
    preset: str,
    device: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Measure how near synthetic images are to real ones: KID, FID, precision and recall.

    DIR is a folder of classes (DIR/LABEL/IMAGE), the same ones on both sides, or one flat folder of images; or a
    manifest, whose groups (patients) are then kept whole in intervals. The real images must be ones that the generator
    has not seen. docs/fidelity.md says what the figures mean.
    """
    from cytobench.cli.compared import show
    from cytobench.fidelity.compare import as_json as report_json
    from cytobench.fidelity.compare import compare_folders
    from cytobench.resolve import checked_preset, default_device, named_device

    report = compare_folders(
        real,
        synthetic,
        extractor,
        values=parse_set(values),
        preset=checked_preset(preset),
        device=named_device(device) or default_device(),
        seed=seed,
        progress=lambda done, total: click.echo(f"extracted {done} of {total} images", err=True),
    )
    if report.identical:
        click.echo(
            f"{_images(report.identical)} the very pixels of a real one: the figures are too good for that.",
            err=True,
        )
    if as_json:
        click.echo(json.dumps(report_json(report), indent=1, allow_nan=False))
    else:
        show(report)


def _images(number: int) -> str:
    return "1 synthetic image has" if number == 1 else f"{number} synthetic images have"
