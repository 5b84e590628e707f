"""A folder of classes: ``PATH/LABEL/IMAGE``, one folder a class."""

from __future__ import annotations

from pathlib import Path

from cytobench._dataset import label_problem
from cytobench.data.dataset import Dataset, from_listing
from cytobench.data.listing import Listing, refuse
from cytobench.decode import EXTENSIONS, is_image_file
from cytobench.errors import UserError


def load_folder(path: Path, cache: Path) -> Dataset:
    """Load a folder of classes; labels are the folders' names, sorted. Raises as :func:`list_folder` does."""
    return from_listing(list_folder(path), cache)


def list_folder(path: Path) -> Listing:
    """Find the images of a folder of classes, without decoding them.

    Hidden files and folders and files without an image's extension are left out. Links that the user made
    are followed, so that a subset can be made of links. Raises UserError for a folder without classes, for
    a class without images, and for images deeper than the class folders.
    """
    path = path.absolute()
    folders = sorted(entry for entry in _visible(path) if entry.is_dir())
    direct = {folder: [entry for entry in _visible(folder) if not entry.is_dir()] for folder in folders}
    images = {folder: [entry for entry in files if is_image_file(entry.name)] for folder, files in direct.items()}
    if not any(images.values()):
        raise UserError(_no_classes(path, folders))
    deep = [
        inner for folder in folders for inner in _visible(folder) if inner.is_dir() and _holds_images(inner)
    ]
    refuse(
        f"{path}: images lie deeper than in the class folders. Move them up, or list them in a manifest "
        "(CSV with the columns path and label)",
        [str(folder.relative_to(path)) for folder in deep],
    )
    refuse(
        f"{path}: class folders without an image. Remove them or fill them",
        [folder.name for folder in folders if not images[folder]],
    )
    problems = [problem for folder in folders if (problem := label_problem(folder.name))]
    refuse(f"{path}: folders whose names cannot be labels", problems)
    unwritable = [
        repr(file.name) for files in images.values() for file in files if not _is_unicode(file.name)
    ]
    refuse(f"{path}: file names that are not UTF-8; rename them", unwritable)
    rows = [(f"{folder.name}/{file.name}", folder.name) for folder in folders for file in images[folder]]
    ignored = [
        f"{folder.name}/{file.name}" for folder in folders for file in direct[folder] if not is_image_file(file.name)
    ]
    return _listing(path, rows, tuple(sorted(folder.name for folder in folders)), tuple(sorted(ignored)))


def list_flat(path: Path) -> Listing | None:
    """The images of one flat folder, all under the label ``images``; None where no image lies in the folder itself.

    Raises UserError where images lie both in the folder itself and in class folders.
    """
    path = path.absolute()
    names = [entry.name for entry in _visible(path) if not entry.is_dir() and is_image_file(entry.name)]
    if not names:
        return None
    classes = [entry.name for entry in _visible(path) if entry.is_dir() and _holds_images(entry)]
    if classes:
        raise UserError(
            f"{path} holds images itself and in the folders {', '.join(classes[:5])}: "
            "give a folder of classes alone, or one of images alone."
        )
    unwritable = [repr(name) for name in names if not _is_unicode(name)]
    refuse(f"{path}: file names that are not UTF-8; rename them", unwritable)
    return _listing(path, [(name, "images") for name in names], ("images",))


def _listing(
    path: Path, rows: list[tuple[str, str]], labels: tuple[str, ...], ignored: tuple[str, ...] = ()
) -> Listing:
    import pandas as pd

    table = pd.DataFrame(sorted(rows, key=lambda row: (row[1], row[0])), columns=["path", "label"])
    table["group"] = pd.Series([None] * len(rows), dtype="string")
    table["quality"] = float("nan")
    return Listing(path.resolve().name or "data", path, table, labels, ignored=ignored)


def _no_classes(path: Path, folders: list[Path]) -> str:
    if any(is_image_file(entry.name) for entry in _visible(path) if not entry.is_dir()):
        return (
            f"{path} holds images itself: it is one class. Give the folder that holds the class folders"
            f" (perhaps {path.parent}), with one folder a class."
        )
    for folder in folders:
        if any(_holds_images(inner) for inner in _visible(folder) if inner.is_dir()):
            return f"{path} holds no class folders, but {folder} does. Did you mean that folder?"
    kinds = ", ".join(sorted(EXTENSIONS))
    return f"{path} holds no class folders: expected {path}/LABEL/IMAGE with one folder a class ({kinds})."


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror}.") from None


def _is_unicode(name: str) -> bool:
    """Whether a name can be written into a table; bytes that are not UTF-8 come as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _holds_images(folder: Path) -> bool:
    return any(is_image_file(entry.name) for entry in _visible(folder) if not entry.is_dir())
