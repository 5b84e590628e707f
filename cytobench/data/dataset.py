"""A data set: a table of labelled images."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import pandas as pd

from cytobench.errors import UserError


@dataclass(frozen=True)
class Dataset:
    """A table of images under ``root``.

    ``table`` has a range index and the columns ``path`` (str, relative to root, with '/'), ``label`` (str), ``group``
    (str or missing: patient or slide), ``quality`` (float or missing) and ``digest`` (SHA-256 of the decoded pixels),
    ordered by label, then path. ``labels`` are the classes in column order; ``codes`` maps a label to its short code;
    ``prompts`` maps a label to ``generator`` and ``classifier`` prompts that the data set brings.
    """

    name: str
    root: Path
    table: pd.DataFrame
    labels: tuple[str, ...]
    codes: Mapping[str, str] = field(default_factory=dict)
    prompts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    public: bool = False
    limited: int | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 over label and pixel digest of every image, in order."""
        lines = (f"{label}\0{digest}\n" for label, digest in zip(self.table["label"], self.table["digest"], strict=True))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def counts(self) -> dict[str, int]:
        """Images a class."""
        counts = self.table["label"].value_counts()
        return {label: int(counts.get(label, 0)) for label in self.labels}

    def limit(self, n: int) -> Dataset:
        """The first n images a class, by file name."""
        table = self.table.groupby("label", sort=False).head(n).reset_index(drop=True)
        return replace(self, table=table, limited=n)

    def label_of(self, name: str) -> str:
        """The label of this name or code. Raises UserError with the nearest names otherwise."""
        if name in self.labels:
            return name
        by_code = {code: label for label, code in self.codes.items()}
        if name in by_code:
            return by_code[name]
        near = get_close_matches(name, [*self.labels, *by_code], n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UserError(f"{name}: no such class in {self.name}.{hint} Classes: {', '.join(self.labels)}.")
