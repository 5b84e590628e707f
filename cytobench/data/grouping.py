"""Join images, of a folder of classes or a manifest, with a table that says which patient or slide each is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cytobench._text import did_you_mean
from cytobench.data.listing import Listing
from cytobench.data.merged_cells import filled_down, looks_merged
from cytobench.data.tables import read_table
from cytobench.errors import UserError, option

if TYPE_CHECKING:
    import pandas as pd

SPREADSHEETS = (".csv", ".xlsx", ".parquet")


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


def read_spreadsheet(path: Path, key: str, group: str, fill_down: bool) -> pd.DataFrame:
    """The columns ``key`` and ``group`` as text, rows without a key left out.

    With ``fill_down`` an empty group is that of the row above. Raises UserError naming the file and the column.
    """
    table = read_table(path, option("table", path), SPREADSHEETS)
    if key == group:
        raise UserError(f"{option('key', key)} and {option('group', group)}: two different columns are needed.")
    for parameter, column in (("key", key), ("group", group)):
        if column not in table.columns:
            hint, columns = did_you_mean(column, table.columns), ", ".join(table.columns)
            raise UserError(f"{option(parameter, column)}: {path} has no such column.{hint} Columns: {columns}.")
    table = table[[key, group]].astype(object).map(_text)
    merged = looks_merged(list(table[group]))
    if fill_down:
        table[group] = filled_down(list(table[group]))
    empty = table[(table[key] != "") & (table[group] == "")]
    if len(empty):
        first = empty[key].iloc[0]
        like = " Its cells look merged:" if merged else " If an empty cell means the one above it,"
        way_out = "" if fill_down else f"{like} {option('fill_down')} fills them in."
        raise UserError(
            f"{option('group', group)}: {path} leaves it empty for {len(empty)} rows, the first {first}.{way_out}"
        )
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
        matches = by_name.get(PurePosixPath(name.replace("\\", "/")).as_posix(), [])
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


def manifest_rows(manifest: Path, joined: Joined, group: str) -> pd.DataFrame:
    """The rows of a manifest with their new groups, and all its columns but the one that the groups came from."""
    rows = read_table(manifest, str(manifest))
    rows["path"] = [PurePosixPath(str(path)).as_posix() for path in rows["path"]]
    groups = joined.table.set_index("path")["group"]
    rows = rows.drop(columns=[name for name in ("group", group) if name in rows])
    rows.insert(2, "group", rows["path"].map(groups))
    return rows


def _text(cell: object) -> str:
    return "" if cell is None or cell != cell else str(cell).strip()


def _names(image: str) -> set[str]:
    path = PurePosixPath(image)
    return {image, path.name, path.stem, path.with_suffix("").as_posix()}
