"""``cytobench fidelity``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command
from cytobench.cli.run import parse_set
from cytobench.plugins.diverted import prints_to_stderr

if TYPE_CHECKING:
    from cytobench.pipeline.fidelity.report import Report

_PATH = click.Path(path_type=Path)

TOLD = 20
"""Copies of real images that are told one by one, at most."""


@click.command()
@click.option("--real", type=_PATH, required=True, metavar="DIR", help="Real images, held out.")
@click.option("--synthetic", type=_PATH, required=True, metavar="DIR", help="Synthetic images.")
@click.option("--shots", type=_PATH, metavar="DIR", help="What the generator was tuned on: test for copies of these.")
@click.option("--holdout", type=_PATH, metavar="DIR", help="Images like the shots that it has not seen. [--real]")
@click.option("--shots-chosen", metavar="HOW", help="The shots were not drawn at random, but so: no test is valid.")
@click.option("--pairs", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.png", help="Draw the closest.")
@click.option("--extractor", default="lite0", show_default=True, metavar="E", help="See `cytobench plugins`.")
@click.option("--set", "values", multiple=True, metavar="E.KEY=VALUE", help="A value of the extractor's configuration.")
@click.option("--preset", default="paper", show_default=True, metavar="pocket|paper", help="Of the extractor.")
@click.option("--device", metavar="D", help="A torch device. [the accelerator if there is one, else cpu]")
@plugin_module_option
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Of all that is drawn.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def fidelity(
    real: Path,
    synthetic: Path,
    shots: Path | None,
    holdout: Path | None,
    shots_chosen: str | None,
    pairs: Path | None,
    extractor: str,
    values: tuple[str, ...],
    preset: str,
    device: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Measure how near synthetic images are to real ones: KID, FID, precision and recall; test for copies of the shots.

    DIR is a folder of classes (DIR/LABEL/IMAGE), the same ones on both sides, or one flat folder of images; or a
    manifest, whose groups (patients) are then kept whole in intervals. The real images must be ones that the generator
    has not seen. docs/fidelity.md says what the figures mean, docs/copying.md what the test can tell.
    """
    from cytobench.cli.output.fidelity import show
    from cytobench.config.resolve import checked_preset, default_device, named_device
    from cytobench.pipeline.fidelity.report import Sources, compare_folders

    with prints_to_stderr():
        report = compare_folders(
            Sources(real, synthetic, shots, holdout, shots_chosen),
            extractor,
            values=parse_set(values),
            preset=checked_preset(preset),
            device=named_device(device) or default_device(),
            seed=seed,
            pairs=pairs,
            plugins=plugins_for_command(),
            progress=lambda done, total: click.echo(f"extracted {done} of {total} images", err=True),
        )
    _warn(report)
    if pairs is not None:
        drawn = report.draw_pairs(pairs)
        click.echo(f"{pairs} written" if drawn else f"{pairs} is not written: there are no pairs", err=True)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=1, allow_nan=False))
    else:
        show(report)


def _warn(report: Report) -> None:
    """Tell of images that are on two sides."""
    if report.left_out:
        click.echo(
            f"{_images(report.left_out, 'real')} the very pixels of a shot: left out of the reference.", err=True
        )
    if report.identical:
        images = _images(report.identical, "synthetic")
        click.echo(f"{images} the very pixels of a real one: the figures are too good for that.", err=True)
    for copy in report.copied[:TOLD]:
        click.echo(f"{copy.synthetic} {'equals' if copy.equal else 'nearly equals'} {copy.real}", err=True)
    if report.copied:
        click.echo(
            f"{len(report.copied)} synthetic images equal or nearly equal a real one: they are copies, not synthetic.",
            err=True,
        )


def _images(number: int, what: str) -> str:
    return f"1 {what} image has" if number == 1 else f"{number} {what} images have"
