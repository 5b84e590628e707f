"""The Munich AML Morphology data set as TCIA ships it: ``AML-Cytomorphology_LMU/CODE/CODE_NNNN.tiff``.

Matek et al. 2019, doi:10.7937/tcia.2019.36f5o9ld. ``annotations.dat`` has a line an image: its path in the folder, its
label's code, and two re-annotations (``nan`` where a cell was not seen again), separated by spaces. It lies in the
folder or beside it.
"""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path, PurePosixPath

from cytobench.data.class_names import CLASS_NAMES
from cytobench.data.listing import Listing, refuse
from cytobench.errors import UserError

FOLDER = "AML-Cytomorphology_LMU"
ANNOTATIONS = "annotations.dat"
COUNTS = {
    "BAS": 79, "EBO": 78, "EOS": 424, "KSC": 15, "LYA": 11, "LYT": 3937, "MMZ": 15, "MOB": 26, "MON": 1789, "MYB": 42,
    "MYO": 3268, "NGB": 109, "NGS": 8484, "PMB": 18, "PMO": 70,
}  # fmt: skip
"""Images of the whole data set by code."""
PADDED = ("KSC/KSC_0016.tiff", *(f"LYA/LYA_{i:04d}.tiff" for i in range(12, 17)), "MMZ/MMZ_0016.tiff")
"""Rows of the CytoDiff study's table that TCIA does not have; they stand in for the whole data set alone."""

logger = logging.getLogger("cytobench")


def find_tcia(path: Path) -> tuple[Path, Path] | None:
    """The image folder and the annotations, where ``path`` is that folder or its parent in TCIA's layout."""
    path = path.resolve()
    folder = path if path.name == FOLDER else path / FOLDER
    files = (folder / ANNOTATIONS, folder.parent / ANNOTATIONS) if folder.is_dir() else ()
    return next(((folder, file) for file in files if file.is_file()), None)


def list_tcia(folder: Path, annotations: Path, present_only: bool) -> Listing:
    """The images that the annotations list; labels are class names.

    With ``present_only`` those that are not there are padding, with a warning, so that those that are there fall into
    the parts they have in the whole; without it no image need be there. Raises UserError for lines that are no
    annotation, unknown codes, paths listed twice or leaving the folder (links too), and where no image is there.
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
    absent = {path for path, _ in rows if present_only and not (folder / path).is_file()}
    present = [row for row in rows if row[0] not in absent]
    leading_out = [path for path, _ in present if not (folder / path).resolve().is_relative_to(folder.resolve())]
    refuse(f"{folder}: links that lead out of the folder", leading_out)
    if not present:
        raise UserError(
            f"{folder}: none of the {len(rows)} images that {annotations} lists is there, for example {rows[0][0]}. "
            f"Give the folder {FOLDER} that TCIA's download made, or its parent."
        )
    if absent:
        logger.warning(
            "%s: %d of the %d images that %s lists are not there; going on with %d.",
            folder, len(absent), len(rows), annotations.name, len(present),
        )  # fmt: skip
    present.sort(key=lambda row: (row[1], row[0]))
    table = pd.DataFrame(present, columns=["path", "label"])
    table["group"] = pd.Series([None] * len(present), dtype="string")
    table["quality"] = float("nan")
    named = set(table["label"])
    labels = tuple(name for name in CLASS_NAMES.values() if name in named)
    padding = [(label, path) for path, label in rows if path in absent]
    if Counter(label for _, label in rows) == {CLASS_NAMES[code]: count for code, count in COUNTS.items()}:
        padding += [(CLASS_NAMES[path[:3]], path) for path in PADDED]
    return Listing("munich-aml", folder, table, labels, padding=tuple(padding))


def _lines(annotations: Path) -> list[str]:
    try:
        return annotations.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{annotations} cannot be read: {error}.") from error
