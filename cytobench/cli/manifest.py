"""``cytobench data manifest``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("manifest")
@click.argument("folder", metavar="FOLDER")
@click.option("--table", type=click.Path(path_type=Path), required=True, metavar="FILE", help="A .csv or .xlsx file.")
@click.option("--key", required=True, metavar="COLUMN", help="The column that names the image.")
@click.option("--group", required=True, metavar="COLUMN", help="The column that names the patient or slide.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="[FOLDER/manifest.csv]")
@click.option("--drop-unmatched", is_flag=True, help="Leave images without a group out of the manifest.")
@click.pass_context
def manifest_command(
    ctx: click.Context, folder: str, table: Path, key: str, group: str, out: Path | None, drop_unmatched: bool
) -> None:
    """Write a manifest of a folder of classes with each image's patient or slide from a spreadsheet.

    The key is the image's path in the folder, its file name, or its name without extension. Names that fit nothing, or
    more than once, are listed. Nothing is written if an image has no group, or several (exit code 1).
    """
    import os

    from cytobench.atomic import write_bytes
    from cytobench.data.grouping import join, read_spreadsheet
    from cytobench.data.listing import some_of
    from cytobench.data.open import list_path
    from cytobench.errors import UserError

    if not Path(folder).is_dir():
        raise UserError(f"{folder} is no folder of classes.")
    listing = list_path(folder, {})
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
    joined = join(listing, read_spreadsheet(table, key, group), key, group)
    for what, names in (
        ("names that fit more than once", joined.ambiguous),
        ("images that no row names", joined.unmatched),
        (f"rows whose {key} names no image", joined.unused),
    ):
        if names:
            click.echo(f"{len(names)} {what}:\n{some_of(names)}", err=True)
    if joined.ambiguous or (joined.unmatched and not drop_unmatched):
        ways = f"Mend {table}" + ("" if joined.ambiguous else ", or leave these images out with --drop-unmatched")
        click.echo(f"Nothing was written. {ways}.", err=True)
        ctx.exit(1)
    grouped = joined.table[joined.table["group"] != ""]
    if grouped.empty:
        raise UserError(f"--key {key}: no row of {table} names an image of {folder}.")
    inside = os.path.relpath(root, target.parent)
    prefix = "" if inside == "." else f"{Path(inside).as_posix()}/"
    write_bytes(target, grouped.assign(path=prefix + grouped["path"]).to_csv(index=False).encode())
    click.echo(f"{target}: {len(grouped)} images of {grouped['group'].nunique()} groups")
