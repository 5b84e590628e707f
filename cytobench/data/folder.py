"""A folder of classes: ``FOLDER/LABEL/IMAGE``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from cytobench.errors import UserError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})


def folder_table(root: Path) -> pd.DataFrame:
    """The rows ``path, label`` of a folder of classes. Hidden files and files that are no images are left out.

    Raises UserError for a folder without classes, a class without images, or a link that leads out of the folder.
    """
    classes = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not classes:
        loose = [entry for entry in root.iterdir() if entry.suffix.lower() in SUFFIXES]
        what = f"holds {len(loose)} images but no folder a class" if loose else "holds no folder a class"
        raise UserError(f"--dataset {root}: it {what}. Expected: {root}/LABEL/IMAGE.png, or a CSV manifest.")
    rows = []
    for folder in classes:
        files = sorted(
            file
            for file in folder.rglob("*")
            if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
        )
        if not files:
            raise UserError(f"--dataset {root}: the class folder {folder.name} holds no image.")
        outside = [file for file in files if not file.resolve().is_relative_to(root.resolve())]
        if outside:
            raise UserError(f"--dataset {root}: {outside[0]} is a link that leads out of the folder.")
        rows += [{"path": file.relative_to(root).as_posix(), "label": folder.name} for file in files]
    return pd.DataFrame(rows)
