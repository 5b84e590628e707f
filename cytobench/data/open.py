"""Opening a data set by name or path."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from cytobench.contract import DatasetSpec
from cytobench.data import manifest
from cytobench.data.dataset import Dataset
from cytobench.data.folder import folder_table
from cytobench.data.table import inspect, make_dataset
from cytobench.decode import BadImage
from cytobench.errors import CytobenchError, UserError
from cytobench.lazy import load


def open_dataset(name: str, specs: Mapping[str, DatasetSpec], cache: Path) -> Dataset:
    """An installed data set by its name, else a folder of classes or a manifest by its path.

    Raises UserError for neither, and for bad images.
    """
    if name in specs:
        dataset = load(specs[name].factory)(cache / "datasets")
        if not isinstance(dataset, Dataset):
            raise CytobenchError(f"data set {name}: {specs[name].factory} returned {type(dataset).__name__}.")
        return dataset
    title, root, table, prompts = _read(name, specs)
    return make_dataset(title, root, table, cache, prompts=prompts)


def inspect_dataset(
    name: str, specs: Mapping[str, DatasetSpec], cache: Path
) -> tuple[Dataset, list[BadImage]]:
    """As :func:`open_dataset`, but bad images are left out and returned."""
    if name in specs:
        return open_dataset(name, specs, cache), []
    title, root, table, prompts = _read(name, specs)
    return inspect(title, root, table, cache, prompts=prompts)


def _read(
    name: str, specs: Mapping[str, DatasetSpec]
) -> tuple[str, Path, pd.DataFrame, Mapping[str, Mapping[str, str]]]:
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve().name, path, folder_table(path), {}
    if path.is_file() and path.suffix.lower() in manifest.SUFFIXES:
        table, prompts = manifest.manifest_table(path)
        return path.stem, path.parent, table, prompts
    if path.is_file():
        raise UserError(f"--dataset {name}: a manifest ends in .csv or .parquet; a data set may also be a folder.")
    near = get_close_matches(name, specs, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UserError(
        f"--dataset {name}: no installed data set ({', '.join(sorted(specs))}) and no folder or manifest here.{hint}"
    )
