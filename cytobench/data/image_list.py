"""Files that list images of a data set: what the options ``trained_on`` and ``select`` name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cytobench.data.listing import refuse
from cytobench.data.tables import read_table
from cytobench.errors import UserError, is_on_the_command_line, option

if TYPE_CHECKING:
    from cytobench._dataset import Dataset


def read_image_list(file: Path, dataset: Dataset, parameter: str, words: Sequence[str]) -> list[int]:
    """Row numbers of the images that a file lists, each once, in the file's order.

    The file is a text with a line an image, or a CSV with a column ``path``. An image is named by its path in the data
    set, or by its file name where that is the only one. ``parameter`` is what names the file (``select``), and
    ``words`` may be said there in place of one. Raises UserError for a file that cannot be read or lists nothing, and
    for names that fit no image or several.
    """
    argument, instead = option(parameter, file), f"write {_or(parameter, words)}"
    names = _names(file, argument, instead)
    if not names:
        raise UserError(f"{argument} lists no image; {instead}.")
    paths = [str(path) for path in dataset.table["path"]]
    places: dict[str, list[int]] = {}
    for row, path in enumerate(paths):
        for name in {path, PurePosixPath(path).name}:
            places.setdefault(name, []).append(row)
    matches = {name: places.get(name.replace("\\", "/"), []) for name in names}
    refuse(
        f"{argument}: names that fit no image of {dataset.name}, or several",
        [
            f"{name}: {', '.join(paths[row] for row in rows) or 'no image'}"
            for name, rows in matches.items()
            if len(rows) != 1
        ],
    )
    return list(dict.fromkeys(rows[0] for rows in matches.values()))


def _or(parameter: str, words: Sequence[str]) -> str:
    """``--select random or first``; ``select='random' or 'first'`` in Python."""
    first, *others = words
    others = others if is_on_the_command_line() else [repr(word) for word in others]
    return " or ".join([option(parameter, first), *others])


def _names(file: Path, argument: str, instead: str) -> list[str]:
    if file.suffix.lower() == ".csv" and file.is_file():
        table = read_table(file, argument)
        if "path" not in table:
            raise UserError(f"{argument}: it has no column path, but {', '.join(table.columns) or 'none'}.")
        lines = list(table["path"])
    else:
        lines = _lines(file, argument, instead)
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def _lines(file: Path, argument: str, instead: str) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"{argument}: {error.strerror}. Name a file that lists images, or {instead}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{argument} is no text: {error}.") from error
