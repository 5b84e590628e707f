"""Writing a page: whole or not at all, and never over anything that is not a page made by cytobench."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

from cytobench.atomic import making_folder, write_bytes
from cytobench.errors import UserError, option

INDEX = "index.html"
LIST = "report.json"
"""The list of files of a report, by which it is known again."""
MARK = '<meta name="generator" content="cytobench report">'
"""What every page has in its head."""
_HEAD = 4096


def check_folder(out: Path) -> None:
    """Raise UserError unless ``out`` is absent, empty, or a report with nothing else in it."""
    named = option("out", out)
    if out.is_symlink():
        raise UserError(f"{named} is a symbolic link. Name the folder itself.")
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"{named} is a file. Name a folder, or write one page with {option('single_file')}.")
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_symlink() or not path.is_dir()}
    if not files:
        return
    listed = _listed(out)
    if not listed:
        raise UserError(f"{named} is not empty and no report of cytobench. Name a new folder.")
    strange = sorted(files - listed - {LIST})
    if strange:
        raise UserError(f"{named} holds {strange[0]}, which is no part of the report there. Name a new folder.")


def check_file(out: Path) -> None:
    """Raise UserError unless ``out`` ends in .html and is absent or a page of cytobench."""
    named = option("out", out)
    if out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{named}: with {option('single_file')} name a file that ends in .html.")
    if out.is_symlink():
        raise UserError(f"{named} is a symbolic link. Name the file itself.")
    if not out.exists():
        return
    if not out.is_file() or not _is_page(out):
        raise UserError(f"{named} is there and no report of cytobench. Name a new file.")


def write_folder(out: Path, files: Mapping[str, bytes]) -> None:
    """Write these files, by relative path, as the folder ``out``, in place of the report there.

    Raises UserError as :func:`check_folder` does, and where the folder cannot be written.
    """
    check_folder(out)
    listed = {"made_by": "cytobench report", "files": sorted(files)}
    try:
        with making_folder(out.parent, f".{out.name}.") as folder:
            for name, data in {**files, LIST: json.dumps(listed, indent=1).encode()}.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)
            folder.chmod(0o755)
            _replace(folder, out)
    except OSError as error:
        raise UserError(f"{option('out', out)} cannot be written: {error.strerror}.") from error


def write_file(out: Path, page: bytes) -> None:
    """Write one page. Raises UserError as :func:`check_file` does, and where it cannot be written."""
    check_file(out)
    try:
        write_bytes(out, page)
    except OSError as error:
        raise UserError(f"{option('out', out)} cannot be written: {error.strerror}.") from error


def _replace(folder: Path, out: Path) -> None:
    """Put a finished folder in place; the old one goes only when the new one stands."""
    if not out.exists():
        os.replace(folder, out)
        return
    old = Path(mkdtemp(prefix=f".{out.name}.old-", dir=out.parent))
    try:
        os.replace(out, old / "report")
        try:
            os.replace(folder, out)
        except OSError:
            os.replace(old / "report", out)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _listed(out: Path) -> set[str]:
    """The files of the report in ``out``; none if there is no report."""
    try:
        listed = json.loads((out / LIST).read_bytes())
        if listed["made_by"] == "cytobench report" and _is_page(out / INDEX):
            return {str(name) for name in listed["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return set()


def _is_page(file: Path) -> bool:
    with file.open("rb") as page:
        return MARK.encode() in page.read(_HEAD)
