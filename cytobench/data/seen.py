"""Which images of a data set a generator made elsewhere has seen: the file that ``--trained-on`` names."""

from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cytobench.data.listing import refuse
from cytobench.errors import UserError

if TYPE_CHECKING:
    from cytobench.data.dataset import Dataset

DECLARATIONS = ("per-fold", "external")
"""What may be said in place of a file: each fold has images of its own; none of this data was seen."""


def read_seen(file: Path, dataset: Dataset) -> list[int]:
    """Row numbers of the images that a file lists, sorted.

    The file is a text with a line an image, or a CSV with a column ``path``. An image is named by its path in the data
    set, or by its file name where that is the only one. Raises UserError for a file that cannot be read or lists
    nothing, and for names that fit no image or several.
    """
    names = _names(file)
    if not names:
        raise UserError(f"--trained-on {file} lists no image; if none was seen, write --trained-on external.")
    paths = [str(path) for path in dataset.table["path"]]
    places: dict[str, list[int]] = {}
    for row, path in enumerate(paths):
        for name in {path, PurePosixPath(path).name}:
            places.setdefault(name, []).append(row)
    found = {name: places.get(name.replace("\\", "/"), []) for name in names}
    refuse(
        f"--trained-on {file}: names that fit no image of {dataset.name}, or several",
        [
            f"{name}: {', '.join(paths[row] for row in rows) or 'no image'}"
            for name, rows in found.items()
            if len(rows) != 1
        ],
    )
    return sorted({rows[0] for rows in found.values()})


def _names(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(
            f"--trained-on {file}: {error.strerror}. Name a file that lists the images seen, or write "
            f"{' or '.join(DECLARATIONS)}."
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"--trained-on {file} is no text: {error}.") from error
    if file.suffix.lower() == ".csv":
        rows = csv.DictReader(text.splitlines())
        if "path" not in (rows.fieldnames or ()):
            columns = ", ".join(rows.fieldnames or ["none"])
            raise UserError(f"--trained-on {file}: it has no column path, but {columns}.")
        lines = [row["path"] or "" for row in rows]
    else:
        lines = text.splitlines()
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))
