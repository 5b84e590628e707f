"""A manifest: a CSV or Parquet file with one row an image.

Columns: ``path`` (relative to the manifest's folder, with "/", never outside it) and ``label``; optional
``group`` (patient or slide: never on two sides of a split), ``quality`` (a number, larger is better),
``generator_prompt`` and ``classifier_prompt`` (the same in all rows of a label that have one). Other
columns are left alone. Neither a path nor a link may lead out of the manifest's folder.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from cytobench._dataset import Finding, label_problem
from cytobench._text import nearest
from cytobench.data.class_names import PROMPT_PARTS
from cytobench.data.dataset import Dataset, from_listing
from cytobench.data.listing import Listing, refuse
from cytobench.data.merged_cells import looks_merged
from cytobench.data.tables import read_table
from cytobench.data.unused import unused_columns
from cytobench.errors import UserError

REQUIRED = ("path", "label")
OPTIONAL = ("group", "quality", "generator_prompt", "classifier_prompt")


def load_manifest(path: Path, cache: Path) -> Dataset:
    """Load a manifest. Raises UserError (see :func:`list_manifest`)."""
    return from_listing(list_manifest(path), cache)


def list_manifest(path: Path) -> Listing:
    """Read and check a manifest, without decoding images.

    Raises UserError for missing or misspelt columns, paths outside the folder, missing files, empty labels,
    a path in two rows, a quality that is no number, and two different prompts for a label. The message
    shows the first few rows.
    """
    import pandas as pd

    path = path.absolute()
    raw = read_table(path, str(path))
    _check_columns(path, list(raw.columns))
    rows = {name: [_text(value) for value in raw[name]] for name in (*REQUIRED, *OPTIONAL) if name in raw}
    n = len(raw)
    if n == 0:
        raise UserError(f"{path} has no rows.")
    check = _Rows(path)
    check.refuse("paths that cannot be used", rows["path"], path_problem)
    check.refuse("labels that cannot be used", rows["label"], label_problem)
    paths = [PurePosixPath(text).as_posix() for text in rows["path"]]
    check.refuse("files that do not exist", paths, lambda text: _missing(path.parent, text))
    check.refuse("links that lead out of the folder", paths, _linked_out(path.parent))
    check.refuse("paths listed more than once", paths, _repeated())
    qualities = rows.get("quality", [""] * n)
    check.refuse("qualities that are no numbers", qualities, _quality_problem)
    table = pd.DataFrame({"path": paths, "label": rows["label"]})
    groups = [text.strip() or None for text in rows.get("group", [""] * n)]
    table["group"] = pd.Series(groups, dtype="string")
    table["quality"] = [float(text) if text.strip() else math.nan for text in qualities]
    table = table.sort_values(["label", "path"], ignore_index=True)
    labels = tuple(sorted(set(rows["label"])))
    name = f"{path.parent.name}-{path.stem}".strip("-")
    findings = [*_merged_cells(path, rows.get("group", [])), *unused_columns(path, raw, (*REQUIRED, *OPTIONAL))]
    return Listing(name, path.parent, table, labels, _prompts(path, rows), findings=tuple(findings))


def _merged_cells(path: Path, groups: list[str]) -> list[Finding]:
    """A finding where groups look as merged cells do: nothing is filled in unasked."""
    if not looks_merged(groups):
        return []
    command = f"cytobench data manifest {shlex.quote(path.name)} --group group --fill-down --out NEW.csv"
    return [
        Finding(
            "merged_cells",
            f"{path.name} names a group in one row and none in the rows below it, as merged cells of a spreadsheet do. "
            f"If those are of the same patient, `{command}` fills them in.",
        )
    ]


def path_problem(text: str) -> str | None:
    """Why a path of a manifest cannot be used, or None: relative, with "/", and not out of the folder."""
    if not text.strip():
        return "the path is empty"
    windows = PureWindowsPath(text)
    if PurePosixPath(text).is_absolute() or windows.drive or windows.root:
        return f"{text!r} is absolute; paths are relative to the manifest"
    if "\\" in text:
        return f"{text!r} holds '\\'; write '/'"
    if ".." in PurePosixPath(text).parts:
        return f"{text!r} leaves the manifest's folder"
    if not text.isprintable():
        return f"{text!r} holds control characters"
    return None


class _Rows:
    """Problems of a manifest's rows, numbered as the lines of a plain CSV are (the header is line 1)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def refuse(self, what: str, values: list[str], problem: Callable[[str], str | None]) -> None:
        problems = [(number, problem(value)) for number, value in enumerate(values, start=2)]
        refuse(f"{self.path}: {what}", [f"row {number}: {text}" for number, text in problems if text])


def _check_columns(path: Path, columns: list[Any]) -> None:
    names = [str(column) for column in columns]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        near = nearest(missing[0], names)
        hint = f" Is {near!r} meant?" if near else ""
        if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
            hint = " Its columns are not separated by commas; save it as a CSV with commas."
        raise UserError(f"{path} has no column {missing[0]!r}.{hint} Its columns: {', '.join(names)}.")
    for name in names:
        near = nearest(name, OPTIONAL, likeness=0.85)
        if near and near not in names:
            # A misspelt group would silently let a patient sit on both sides of a split.
            raise UserError(f"{path}: unknown column {name!r}. Did you mean {near!r}? If not, rename it.")


def _text(value: Any) -> str:
    if value is None or value != value or str(value) == "<NA>":
        return ""
    return str(value)


def _missing(folder: Path, text: str) -> str | None:
    return None if (folder / text).is_file() else text


def _linked_out(folder: Path) -> Callable[[str], str | None]:
    root = folder.resolve()
    return lambda text: None if (root / text).resolve().is_relative_to(root) else text


def _repeated() -> Callable[[str], str | None]:
    seen: set[str] = set()

    def problem(text: str) -> str | None:
        if text in seen:
            return text
        seen.add(text)
        return None

    return problem


def _quality_problem(text: str) -> str | None:
    try:
        return None if not text.strip() or math.isfinite(float(text)) else f"{text!r} is not finite"
    except ValueError:
        return f"{text!r} is no number"


def _prompts(path: Path, rows: dict[str, list[str]]) -> dict[str, dict[str, str]]:
    prompts: dict[str, dict[str, str]] = {}
    for part in PROMPT_PARTS:
        for label, text in zip(rows["label"], rows.get(f"{part}_prompt", []), strict=False):
            text = text.strip()
            if text and prompts.setdefault(label, {}).setdefault(part, text) != text:
                raise UserError(f"{path}: {label} has two different values of {part}_prompt; give it one.")
    return prompts
