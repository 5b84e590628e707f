"""From rows of path and label to a data set: digests, order and the refusal of bad images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from cytobench.data.dataset import Dataset
from cytobench.data.digests import pixel_digests
from cytobench.decode import BadImage
from cytobench.errors import UserError

SHOWN = 5


def make_dataset(
    name: str,
    root: Path,
    table: pd.DataFrame,
    cache: Path,
    *,
    labels: Sequence[str] | None = None,
    codes: Mapping[str, str] | None = None,
    prompts: Mapping[str, Mapping[str, str]] | None = None,
    public: bool = False,
) -> Dataset:
    """Order the rows, add pixel digests and make a data set. Raises UserError listing every bad image."""
    dataset, bad = inspect(
        name, root, table, cache, labels=labels, codes=codes, prompts=prompts, public=public
    )
    if bad:
        raise UserError(
            f"{len(bad)} of {len(table)} images of {name} cannot be used: {listing([str(error) for error in bad])} "
            "Take them out; `cytobench data describe` lists all."
        )
    return dataset


def inspect(
    name: str,
    root: Path,
    table: pd.DataFrame,
    cache: Path,
    *,
    labels: Sequence[str] | None = None,
    codes: Mapping[str, str] | None = None,
    prompts: Mapping[str, Mapping[str, str]] | None = None,
    public: bool = False,
) -> tuple[Dataset, list[BadImage]]:
    """As :func:`make_dataset`, but bad images are left out of the table and returned."""
    for column in ("group", "quality"):
        if column not in table:
            table = table.assign(**{column: None})
    table = table[["path", "label", "group", "quality"]].sort_values(["label", "path"], kind="stable")
    digests, bad = pixel_digests([root / path for path in table["path"]], cache)
    table = table.assign(digest=digests)
    table = table[table["digest"].notna()].reset_index(drop=True)
    order = tuple(labels) if labels is not None else tuple(sorted(set(table["label"])))
    return Dataset(name, root, table, order, codes or {}, prompts or {}, public), bad


def listing(items: Sequence[str]) -> str:
    """The first few items, and how many more there are."""
    more = f" and {len(items) - SHOWN} more." if len(items) > SHOWN else ""
    return "; ".join(items[:SHOWN]) + (more or ".")
