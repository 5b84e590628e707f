"""Join a folder of classes with a spreadsheet that says which patient or slide each image is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cytobench._text import did_you_mean
from cytobench.data.listing import Listing
from cytobench.errors import UserError, option

if TYPE_CHECKING:
    import pandas as pd

SPREADSHEETS = (".csv", ".xlsx")


@dataclass(frozen=True)
class Joined:
    """The images with their groups, and what did not fit.

    ``table`` has ``path, label, group``, group empty where it is not known. ``unmatched`` are images that no row names,
    ``unused`` keys that name no image, ``ambiguous`` sentences about names that fit several images or several groups.
    """

    table: pd.DataFrame
    unmatched: tuple[str, ...]
    unused: tuple[str, ...]
    ambiguous: tuple[str, ...]


def read_spreadsheet(path: Path, key: str, group: str) -> pd.DataFrame:
    """The columns ``key`` and ``group`` as text, rows without a key left out.

    Raises UserError naming the file and the column.
    """
    import pandas as pd

    if path.suffix.lower() not in SPREADSHEETS:
        raise UserError(f"{option('table', path)}: give a spreadsheet as {' or '.join(SPREADSHEETS)}.")
    try:
        # A patient 007 is not patient 7, and "NA" may be a name.
        if path.suffix.lower() == ".csv":
            table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)
        else:
            table = pd.read_excel(path, dtype=str, keep_default_na=False)
    except OSError as error:
        raise UserError(f"{option('table', path)}: {error.strerror or error}.") from error
    except Exception as error:  # what parsers raise differs by format and library
        raise UserError(f"{option('table', path)} cannot be read: {error}.") from error
    table.columns = table.columns.map(str)
    if key == group:
        raise UserError(f"{option('key', key)} and {option('group', group)}: two different columns are needed.")
    for parameter, column in (("key", key), ("group", group)):
        if f"{column}.1" in table.columns:
            raise UserError(f"{option(parameter, column)}: {path} has this column twice.")
        if column not in table.columns:
            hint, columns = did_you_mean(column, table.columns), ", ".join(table.columns)
            raise UserError(f"{option(parameter, column)}: {path} has no such column.{hint} Columns: {columns}.")
    table = table[[key, group]].apply(lambda column: column.str.strip())
    empty = table[(table[key] != "") & (table[group] == "")]
    if len(empty):
        first = empty[key].iloc[0]
        raise UserError(f"{option('group', group)}: {path} leaves it empty for {len(empty)} rows, the first {first}.")
    named: pd.DataFrame = table[table[key] != ""]
    return named


def join(listing: Listing, table: pd.DataFrame, key: str, group: str) -> Joined:
    """Give each image its group.

    A key is an image's path in the folder, its file name, or its name without extension.
    """
    images = [str(path) for path in listing.table["path"]]
    by_name: dict[str, list[str]] = {}
    for image in images:
        for name in _names(image):
            by_name.setdefault(name, []).append(image)
    groups: dict[str, set[str]] = {}
    unused, ambiguous = [], []
    for name, value in zip(table[key], table[group], strict=True):
        matches = by_name.get(name.replace("\\", "/"), [])
        if not matches:
            unused.append(name)
        elif len(matches) > 1:
            ambiguous.append(f"{name} may be any of {', '.join(matches)}")
        else:
            groups.setdefault(matches[0], set()).add(value)
    ambiguous += [
        f"{image} is given the groups {', '.join(sorted(values))}"
        for image, values in groups.items()
        if len(values) > 1
    ]
    known: Mapping[str, str] = {image: next(iter(values)) for image, values in groups.items() if len(values) == 1}
    joined = listing.table[["path", "label"]].assign(group=[known.get(image, "") for image in images])
    unmatched = tuple(image for image in images if image not in groups)
    return Joined(joined, unmatched, tuple(dict.fromkeys(unused)), tuple(dict.fromkeys(ambiguous)))


def _names(image: str) -> set[str]:
    path = PurePosixPath(image)
    return {image, path.name, path.stem, path.with_suffix("").as_posix()}
