"""A manifest: a CSV or Parquet table of images, with paths relative to the file."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pandas as pd

from cytobench.data.table import listing
from cytobench.errors import UserError

COLUMNS = ("path", "label", "group", "quality", "generator_prompt", "classifier_prompt")
SUFFIXES = (".csv", ".parquet")


def manifest_table(file: Path) -> tuple[pd.DataFrame, dict[str, dict[str, str]]]:
    """The rows of a manifest, and the prompts it brings by label.

    Columns ``path`` and ``label``; optional ``group``, ``quality`` (number), ``generator_prompt`` and
    ``classifier_prompt`` (one text a label). Raises UserError naming the file, the column or the rows.
    """
    try:
        if file.suffix.lower() == ".csv":
            table = pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""])
        else:
            table = pd.read_parquet(file)
    except (ValueError, OSError) as error:  # pandas and pyarrow raise subclasses of these for a file they cannot read
        raise UserError(f"--dataset {file}: it cannot be read as a table: {error}") from error
    missing = [column for column in ("path", "label") if column not in table]
    if missing:
        raise UserError(f"--dataset {file}: no column {missing[0]}; it has {', '.join(map(str, table.columns))}.")
    if table.empty:
        raise UserError(f"--dataset {file}: it has no rows.")
    _refuse(file, "rows without a path or a label", table.index[table[["path", "label"]].isna().any(axis=1)] + 2)
    table = table.assign(path=table["path"].astype(str), label=table["label"].astype(str))
    if "quality" in table:
        try:
            table["quality"] = pd.to_numeric(table["quality"])
        except ValueError as error:
            raise UserError(f"--dataset {file}: column quality is no number: {error}") from error
    if "group" in table:
        table["group"] = table["group"].map(str, na_action="ignore")
    unsafe = [path for path in table["path"] if _escapes(path)]
    _refuse(file, "paths that lead out of the manifest's folder", unsafe)
    _refuse(file, "paths given twice", sorted(set(table["path"][table["path"].duplicated()])))
    _refuse(file, "files that do not exist", [path for path in table["path"] if not (file.parent / path).is_file()])
    linked = [path for path in table["path"] if not _inside(file.parent / path, file.parent)]
    _refuse(file, "links that lead out of the manifest's folder", linked)
    return table, _prompts(file, table)


def _prompts(file: Path, table: pd.DataFrame) -> dict[str, dict[str, str]]:
    prompts: dict[str, dict[str, str]] = {}
    for column in ("generator_prompt", "classifier_prompt"):
        if column not in table:
            continue
        for label, texts in table.dropna(subset=[column]).groupby("label")[column]:
            if texts.nunique() > 1:
                raise UserError(f"--dataset {file}: class {label} has more than one {column}.")
            prompts.setdefault(str(label), {})[column.removesuffix("_prompt")] = str(texts.iloc[0])
    return prompts


def _escapes(path: str) -> bool:
    pure = PurePosixPath(path.replace("\\", "/"))
    return pure.is_absolute() or ".." in pure.parts or ":" in pure.parts[0] if pure.parts else True


def _inside(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve())


def _refuse(file: Path, what: str, items: object) -> None:
    found = [str(item) for item in items]  # type: ignore[attr-defined]
    if found:
        raise UserError(f"--dataset {file}: {len(found)} {what}: {listing(found)}")
