"""A data set before its images are decoded: which files there are and what is said about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cytobench._dataset import Finding
from cytobench.data.class_names import CLASS_NAMES, CODES
from cytobench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5
"""How many of many problems one message shows."""


@dataclass(frozen=True)
class Listing:
    """Rows sorted by label, then path, with the columns path, label, group and quality of :class:`Dataset`.

    ``prompts`` holds what the data set itself says, perhaps for some labels and one of the two prompts only.
    ``ignored`` are files in class folders that are not images by their name. ``padding`` is that of
    :class:`Dataset`. ``findings`` are about what the files say and is not used.
    """

    name: str
    root: Path
    table: pd.DataFrame
    labels: tuple[str, ...]
    prompts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    padding: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()


def other_names(labels: Sequence[str]) -> dict[str, str]:
    """The code of each built-in class name and the class name of each built-in code among the labels."""
    known = {**CODES, **CLASS_NAMES}
    return {label: known[label] for label in labels if label in known and known[label] not in labels}


def some_of(problems: Sequence[str]) -> str:
    """The first few of many, one a line, and how many more there are."""
    lines = [f"  {problem}" for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"  and {len(problems) - SHOWN} more")
    return "\n".join(lines)


def refuse(what: str, problems: Sequence[str]) -> None:
    """Raise one UserError for a list of problems, if there are any."""
    if problems:
        raise UserError(f"{what}:\n{some_of(problems)}")
