"""The Munich AML Morphology data set as TCIA ships it: ``AML-Cytomorphology_LMU/CODE/CODE_NNNN.tiff``.

Matek et al. 2019, doi:10.7937/tcia.2019.36f5o9ld. ``annotations.dat`` has a line an image: its path in the folder, its
label's code, and two re-annotations (``nan`` where a cell was not seen again), separated by spaces. It lies in the
folder or beside it.
"""

from __future__ import annotations

import logging
from pathlib import Path, PurePosixPath

from cytobench.data.listing import Listing, refuse
from cytobench.errors import UserError
from cytobench.prompts import CLASS_NAMES

FOLDER = "AML-Cytomorphology_LMU"
ANNOTATIONS = "annotations.dat"
PADDED = ("KSC/KSC_0016.tiff", *(f"LYA/LYA_{i:04d}.tiff" for i in range(12, 17)), "MMZ/MMZ_0016.tiff")
"""Rows of the CytoDiff study's table that TCIA does not have."""

logger = logging.getLogger("cytobench")


def find_tcia(path: Path) -> tuple[Path, Path] | None:
    """The image folder and the annotations, where ``path`` is that folder or its parent in TCIA's layout."""
    folder = path if path.name == FOLDER or not (path / FOLDER).is_dir() else path / FOLDER
    for file in (folder / ANNOTATIONS, folder.parent / ANNOTATIONS):
        if file.is_file() and (folder.name == FOLDER or file.parent == folder):
            return folder, file
    return None


def list_tcia(folder: Path, annotations: Path, present_only: bool) -> Listing:
    """The images that the annotations list; labels are class names.

    With ``present_only`` those that are not there are left out, with a warning; without it no image need be there.
    Raises UserError for lines that are no annotation, unknown codes, paths listed twice or leaving the folder, and
    where none of the images is there.
    """
    import pandas as pd

    rows, problems, seen = [], [], set()
    for number, line in enumerate(_lines(annotations), 1):
        parts = line.split()
        if not parts:
            continue
        path = PurePosixPath(parts[0])
        if len(parts) < 2:
            problems.append(f"line {number}: {line.strip()!r} is no path and label")
        elif parts[1] not in CLASS_NAMES:
            problems.append(f"line {number}: {parts[1]!r} is no class code ({', '.join(CLASS_NAMES)})")
        elif path.is_absolute() or ".." in path.parts:
            problems.append(f"line {number}: {parts[0]} leads out of the folder")
        elif path in seen:
            problems.append(f"line {number}: {parts[0]} is listed twice")
        else:
            seen.add(path)
            rows.append((path.as_posix(), CLASS_NAMES[parts[1]]))
    refuse(f"{annotations} cannot be read as TCIA's annotations", problems)
    if not rows:
        raise UserError(f"{annotations} lists no image.")
    here = [row for row in rows if not present_only or (folder / row[0]).is_file()]
    if not here:
        raise UserError(
            f"{folder}: none of the {len(rows)} images that {annotations} lists is there, for example {rows[0][0]}. "
            f"Give the folder {FOLDER} that TCIA's download made, or its parent."
        )
    if len(here) < len(rows):
        logger.warning(
            "%s: %d of the %d images that %s lists are not there; going on with %d.",
            folder, len(rows) - len(here), len(rows), annotations.name, len(here),
        )  # fmt: skip
    here.sort(key=lambda row: (row[1], row[0]))
    table = pd.DataFrame(here, columns=["path", "label"])
    table["group"] = pd.Series([None] * len(here), dtype="string")
    table["quality"] = float("nan")
    found = set(table["label"])
    labels = tuple(name for name in CLASS_NAMES.values() if name in found)
    complete = len(here) == len(rows)
    padding = tuple((CLASS_NAMES[path[:3]], path) for path in PADDED if complete and PurePosixPath(path) not in seen)
    return Listing("munich-aml", folder, table, labels, padding=padding)


def _lines(annotations: Path) -> list[str]:
    try:
        return annotations.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{annotations} cannot be read: {error}.") from error
