"""``cytobench figures``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command
from cytobench.cli.metrics import metric_option


@click.command()
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", metavar="DIR", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where the files go."
)
@click.option(
    "--only", metavar="NAME", multiple=True, help="A figure's name or tag (S3, of the study's figures). Repeatable."
)
@click.option(
    "--store",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The run's store, for galleries.  [default: DIR/store]",
)
@metric_option
@plugin_module_option
@click.option("--with-real-images", is_flag=True, help="Galleries show real images of a data set that is not public.")
@click.option("--json", "as_json", is_flag=True, help="Names, captions and alt texts as JSON on stdout.")
def figures(
    folders: tuple[Path, ...],
    out: Path,
    only: tuple[str, ...],
    store: Path | None,
    metric: tuple[str, ...],
    with_real_images: bool,
    as_json: bool,
) -> None:
    """Draw the figures of results folders, each as SVG and as PNG of 300 dpi.

    On stdout: each figure's title, caption and alt text, as Markdown.
    """
    import json

    from cytobench.atomic import write_bytes
    from cytobench.errors import UserError
    from cytobench.reporting.figures import drawings, missing_glyphs, png, svg
    from cytobench.reporting.tables.markdown import escape

    drawn: list[dict[str, object]] = []
    say = partial(click.echo, err=True)
    for drawing in drawings(folders, only, with_real_images, store, say, metric, plugins_for_command):
        try:
            write_bytes(out / f"{drawing.name}.svg", svg(drawing).encode())
            write_bytes(out / f"{drawing.name}.png", png(drawing))
        except OSError as error:
            raise UserError(f"--out {out} cannot be written: {error.strerror}.") from error
        tags = f" ({', '.join(drawing.tags)})" if drawing.tags else ""
        named = {"name": drawing.name, "tags": drawing.tags, "title": drawing.title}
        drawn.append({**named, "caption": drawing.caption, "alt": drawing.alt})
        if not as_json:
            title, caption, alt = map(escape, (drawing.title, drawing.caption, drawing.alt))
            click.echo(f"## {drawing.name}{tags}\n\n**{title}.** {caption}\n\nAlt text: {alt}\n")
        missing = missing_glyphs(drawing)
        if missing:
            message = f"{drawing.name}.png: no font here has {missing}; such words are numbered there."
            click.echo(f"{message} Install a font with them (Noto Sans CJK).", err=True)
    if as_json:
        click.echo(json.dumps(drawn, indent=1))
