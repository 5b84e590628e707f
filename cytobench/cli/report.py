"""``cytobench report``."""

from __future__ import annotations

from pathlib import Path

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command
from cytobench.cli.metrics import metric_option


@click.command()
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="SITE", help="A folder; with --single-file an .html file."
)
@click.option("--single-file", is_flag=True, help="One self-contained file in place of a folder.")
@click.option("--with-real-images", is_flag=True, help="Show images of the data set too, which may be patients'.")
@click.option("--store", type=click.Path(path_type=Path), metavar="DIR", help="Where the runs' images are. [DIR/store]")
@click.option("--thumbnails", is_flag=True, help="Also keep a small pack of synthetic images in DIR/thumbnails.")
@metric_option
@plugin_module_option
@click.option("--json", "as_json", is_flag=True, help="Where the page is, as JSON on stdout.")
def report(
    folders: tuple[Path, ...],
    out: Path | None,
    single_file: bool,
    with_real_images: bool,
    store: Path | None,
    thumbnails: bool,
    metric: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make a page of results folders (the --out of runs): verdict, leaderboard, plots, images, cost, provenance.

    It opens from disk in any browser and loads nothing. Folders of several runs, machines or people may be given; what
    cannot be compared is kept apart. A report that is there is replaced; nothing else ever is.
    """
    import json

    from cytobench.errors import UserError
    from cytobench.reporting.page import Options, make_report
    from cytobench.reporting.page.pictures import make_packs

    if out is None:
        raise UserError("--out is missing: name a folder for the page, or with --single-file an .html file.")
    if store is not None and not store.is_dir():
        raise UserError(f"--store {store} is no folder. Name the store of the run.")
    if thumbnails:
        for folder, size in make_packs(folders, store).items():
            click.echo(f"{folder / 'thumbnails'}: {size / 1e6:.2f} MB", err=True)
    options = Options(
        single_file=single_file,
        with_real_images=with_real_images,
        store=store,
        say=lambda message: click.echo(f"Note: {message}", err=True),
        load=plugins_for_command,
        metric=metric,
    )
    page = make_report(folders, out, options)
    click.echo(json.dumps({"page": str(page)}) if as_json else page)
