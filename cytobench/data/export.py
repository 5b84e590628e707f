"""Write a data set as an ImageFolder of PNG files."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from cytobench._dataset import Dataset
from cytobench.decode import encode_png
from cytobench.errors import UserError


def export(dataset: Dataset, folder: Path) -> int:
    """Write ``folder/LABEL/NAME.png`` for every image and return how many.

    NAME is the file's own; a second one of the same name in a class gets ``-2`` and so on. Where groups or
    qualities are known, ``folder/manifest.csv`` keeps them. The folder must be absent or empty; if the export
    fails, what it wrote is taken away again. Raises UserError.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty. Give a new folder, or empty this one.")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file. Give a folder.")
    written: list[Path] = []
    try:
        names = file_names(dataset)
        for row, name in enumerate(names):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            written.append(file)
            file.write_bytes(encode_png(dataset.pixels(row).read()))
        if dataset.table[["group", "quality"]].notna().any(axis=None):
            written.append(folder / "manifest.csv")
            table = dataset.table[["label", "group", "quality"]].assign(path=names)
            table[["path", "label", "group", "quality"]].to_csv(folder / "manifest.csv", index=False)
    except BaseException:
        for file in written:
            file.unlink(missing_ok=True)
        for label in {file.parent for file in written if file.parent != folder}:
            label.rmdir()
        raise
    return len(names)


def file_names(dataset: Dataset) -> list[str]:
    """``LABEL/NAME.png`` of every row, no two alike even where a file system does not tell case apart."""
    taken: set[str] = set()
    names = []
    for path, label in zip(dataset.table["path"], dataset.table["label"], strict=True):
        stem = PurePosixPath(path).stem
        name, number = f"{label}/{stem}.png", 1
        while name.casefold() in taken:
            number += 1
            name = f"{label}/{stem}-{number}.png"
        taken.add(name.casefold())
        names.append(name)
    return names
