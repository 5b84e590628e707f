"""``cytobench data manifest``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("manifest")
@click.argument("data", metavar="FOLDER|MANIFEST")
@click.option("--table", type=click.Path(path_type=Path), metavar="FILE", help="A .csv or .xlsx file. [MANIFEST]")
@click.option("--key", metavar="COLUMN", help="Its column that names the image. [path of a MANIFEST]")
@click.option("--group", required=True, metavar="COLUMN", help="Its column that names the patient or slide.")
@click.option("--fill-down", is_flag=True, help="Take an empty patient for the one above it, as in merged cells.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="[FOLDER/manifest.csv]")
@click.option("--drop-unmatched", is_flag=True, help="Leave images without a group out of the manifest.")
@click.pass_context
def manifest_command(
    ctx: click.Context,
    data: str,
    table: Path | None,
    key: str | None,
    group: str,
    fill_down: bool,
    out: Path | None,
    drop_unmatched: bool,
) -> None:
    """Write a manifest of images with each one's patient or slide, from a spreadsheet.

    The images are those of a folder of classes or of a manifest, whose other columns are kept. Without --table the
    groups come from a column of the manifest itself.

    The key is the image's path in the folder, its file name, or its name without extension. Names that fit nothing, or
    more than once, are listed. Nothing is written if an image has no group, or several (exit code 1).
    """
    import os

    from cytobench.atomic import write_bytes
    from cytobench.data.grouping import join, manifest_rows, read_spreadsheet
    from cytobench.data.listing import some_of
    from cytobench.data.open import list_path
    from cytobench.errors import UserError

    manifest = Path(data) if Path(data).is_file() else None
    if manifest is None and not Path(data).is_dir():
        raise UserError(f"{data} is no folder of classes and no manifest.")
    if manifest is None and table is None:
        raise UserError(f"{data} is a folder: name the spreadsheet of patients with --table FILE.")
    if table is not None and key is None:
        raise UserError(f"--table {table}: name its column that names the image with --key COLUMN.")
    listing = list_path(data, {})
    root = listing.root.resolve()
    target = (out or root / "manifest.csv").resolve()
    if target.suffix.lower() != ".csv":
        raise UserError(f"--out {target}: a manifest is written as .csv.")
    if target.exists():
        raise UserError(f"--out {target} is there already. Name another file; nothing is overwritten.")
    if not root.is_relative_to(target.parent):
        raise UserError(
            f"--out {target}: a manifest reads images below its own folder alone. Put it into {root} or above."
        )
    source, names = table or Path(data), key or "path"
    joined = join(listing, read_spreadsheet(source, names, group, fill_down), names, group)
    for what, listed in (
        ("names that fit more than once", joined.ambiguous),
        ("images that no row names", joined.unmatched),
        (f"rows whose {names} names no image", joined.unused),
    ):
        if listed:
            click.echo(f"{len(listed)} {what}:\n{some_of(listed)}", err=True)
    if joined.ambiguous or (joined.unmatched and not drop_unmatched):
        ways = f"Mend {source}" + ("" if joined.ambiguous else ", or leave these images out with --drop-unmatched")
        click.echo(f"Nothing was written. {ways}.", err=True)
        ctx.exit(1)
    rows = joined.table if manifest is None else manifest_rows(manifest, joined, group)
    grouped = rows[rows["group"] != ""]
    if grouped.empty:
        raise UserError(f"--key {names}: no row of {source} names an image of {data}.")
    inside = os.path.relpath(root, target.parent)
    prefix = "" if inside == "." else f"{Path(inside).as_posix()}/"
    write_bytes(target, grouped.assign(path=prefix + grouped["path"]).to_csv(index=False).encode())
    click.echo(f"{target}: {len(grouped)} images of {grouped['group'].nunique()} groups")
