"""Files that list images of a data set: what ``--trained-on`` and ``--select`` name."""

from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cytobench.data.listing import refuse
from cytobench.errors import UserError

if TYPE_CHECKING:
    from cytobench._dataset import Dataset


def read_image_list(file: Path, dataset: Dataset, option: str, instead: str) -> list[int]:
    """Row numbers of the images that a file lists, each once, in the file's order.

    The file is a text with a line an image, or a CSV with a column ``path``. An image is named by its path in the data
    set, or by its file name where that is the only one. ``option`` names the file in messages, and ``instead`` says
    what to write where there is none to name (``write --select random``). Raises UserError for a file that cannot be
    read or lists nothing, and for names that fit no image or several.
    """
    names = _names(file, option, instead)
    if not names:
        raise UserError(f"{option} {file} lists no image; {instead}.")
    paths = [str(path) for path in dataset.table["path"]]
    places: dict[str, list[int]] = {}
    for row, path in enumerate(paths):
        for name in {path, PurePosixPath(path).name}:
            places.setdefault(name, []).append(row)
    found = {name: places.get(name.replace("\\", "/"), []) for name in names}
    refuse(
        f"{option} {file}: names that fit no image of {dataset.name}, or several",
        [
            f"{name}: {', '.join(paths[row] for row in rows) or 'no image'}"
            for name, rows in found.items()
            if len(rows) != 1
        ],
    )
    return list(dict.fromkeys(rows[0] for rows in found.values()))


def _names(file: Path, option: str, instead: str) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{option} {file}: {error.strerror}. Name a file that lists images, or {instead}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{option} {file} is no text: {error}.") from error
    if file.suffix.lower() == ".csv":
        rows = csv.DictReader(text.splitlines())
        if "path" not in (rows.fieldnames or ()):
            columns = ", ".join(rows.fieldnames or ["none"])
            raise UserError(f"{option} {file}: it has no column path, but {columns}.")
        lines = [row["path"] or "" for row in rows]
    else:
        lines = text.splitlines()
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))
