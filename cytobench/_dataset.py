"""The data set: a table of labelled images and what is known about its classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cytobench._keys import content_key
from cytobench._text import did_you_mean
from cytobench.errors import UserError, option

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from cytobench.images import FilePixels


@dataclass(frozen=True)
class Finding:
    """Something about the data that a reader of scores should know: what ``data describe``, runs and tables tell."""

    kind: str
    """What it is about, for programs; docs/data.md lists the kinds."""
    text: str
    """One sentence or a few. No path but a file's name: findings are kept in records, which are passed on."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A table of images.

    ``table`` has one row an image, sorted by label, then path (plain string order), index 0 .. n - 1:
    ``path`` (str, relative to ``root``, with "/"), ``label`` (str), ``group`` (str or NA: patient, slide),
    ``quality`` (float64 or NaN; larger is better) and ``digest`` (SHA-256 of the decoded pixels, hex).

    ``labels`` are the classes in column order. ``codes`` maps a label to its other name (a code for a class
    name, a class name for a code), so that users can type either. ``prompts`` are the data set's own,
    perhaps for some labels and one of the two prompts only; :func:`cytobench.data.prompts.prompts_for` fills in
    the rest. ``public`` says whether its images may be shown in reports. ``drawn`` says whether a program
    drew them. ``limited`` is the number of
    images a class it was cut to. ``padding`` are (label, path) of images that the CytoDiff study's table had and this
    data set has not: a protocol that reproduces its division puts them in place and drops them afterwards.
    ``distribution`` and ``version`` are those of the plugin that offers it, empty for a folder or manifest.
    ``findings`` are those of the files that it was read from.
    """

    name: str
    root: Path
    table: pd.DataFrame
    labels: tuple[str, ...]
    codes: Mapping[str, str] = field(default_factory=dict)
    prompts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    public: bool = False
    drawn: bool = False
    limited: int | None = None
    padding: tuple[tuple[str, str], ...] = ()
    distribution: str = ""
    version: str = ""
    findings: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of label, pixel digest, group and quality of every row in order; not of paths."""
        table = self.table[["label", "digest", "group", "quality"]]
        rows: list[list[Any]] = table.astype(object).where(table.notna(), None).to_numpy().tolist()
        return content_key("dataset", {"rows": rows})

    @cached_property
    def rows_by_label(self) -> Mapping[str, NDArray[np.int64]]:
        """The row numbers of each class that has images, int64 (n,), ascending."""
        import numpy as np

        rows = self.table.groupby("label").indices
        return {str(label): np.asarray(numbers, dtype=np.int64) for label, numbers in rows.items()}

    def limit(self, n: int) -> Dataset:
        """The first ``n`` images of each class. Raises UserError for n under 1."""
        if n < 1:
            raise UserError(f"{option('limit', n)}: at least 1 image a class is needed.")
        table = self.table.groupby("label", sort=False).head(n).reset_index(drop=True)
        return replace(self, table=table, limited=n, padding=())

    def merge(self, merge: str) -> Dataset:
        """The same with classes taken as one, ``A,B=NAME``; it stands where the first of them stood.

        Prompts and other names of the merged classes are dropped. Raises UserError for another form, for fewer than
        two different classes, for a name that cannot be a label, and for one that another class has.
        """
        parts, equals, name = (part.strip() for part in merge.rpartition("="))
        argument = option("merge", merge)
        if not equals:
            example = option("merge", "PMB,PMO=Promyelocyte")
            raise UserError(f"{argument}: write A,B=NAME, for example {example}.")
        merged = list(dict.fromkeys(self.label_of(label.strip()) for label in parts.split(",")))
        if len(merged) < 2:
            raise UserError(f"{argument}: name at least two different classes.")
        problem = label_problem(name)
        if problem:
            raise UserError(f"{argument}: {problem}.")
        if name in self.labels and name not in merged:
            raise UserError(f"{argument}: another class is called {name}.")
        table = self.table.assign(label=self.table["label"].where(~self.table["label"].isin(merged), name))
        table = table.sort_values(["label", "path"], kind="stable", ignore_index=True)
        names = tuple(dict.fromkeys(name if label in merged else label for label in self.labels))
        prompts = {label: value for label, value in self.prompts.items() if label not in merged}
        codes = {label: code for label, code in self.codes.items() if label not in merged}
        return replace(self, table=table, labels=names, prompts=prompts, codes=codes, padding=())

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The file of each row."""
        return tuple(self.root / path for path in self.table["path"])

    def path(self, row: int) -> Path:
        """The file of a row, by its number in the table."""
        return self.paths[row]

    def pixels(self, row: int) -> FilePixels:
        """The image of a row, by its number in the table; held against its digest where it is read."""
        from cytobench.images import FilePixels

        return FilePixels(self.paths[row], self._digests[row])

    @cached_property
    def _digests(self) -> tuple[str, ...]:
        return tuple(self.table["digest"])

    def label_of(self, name: str) -> str:
        """The label with this name or this other name. Raises UserError with the nearest one otherwise."""
        if name in self.labels:
            return name
        by_code = {code: label for label, code in self.codes.items()}
        if name in by_code:
            return by_code[name]
        hint = did_you_mean(name, (*self.labels, *by_code))
        raise UserError(f"{name!r} is no class of {self.name}.{hint} Classes: {', '.join(self.labels)}.")


def label_problem(label: str) -> str | None:
    """Why a label cannot be one (labels become folder names and column names), or None."""
    if not label.strip():
        return "the label is empty"
    if label != label.strip():
        return f"the label {label!r} begins or ends with a space"
    if label.startswith(".") or any(character in "/\\" or not character.isprintable() for character in label):
        return f"the label {label!r} must not begin with '.' or hold '/', '\\' or control characters"
    return None
