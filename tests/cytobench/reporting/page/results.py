"""Results folders for pages: rows with real predictions, hostile words, and a run with a store on noise cells."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cytobench.storage.records import Record, write_record

from ...conftest import record_values, recorded
from ..figures.conftest import predictions

SCRIPT = "<script>alert(1)</script>"
HOSTILE = (
    SCRIPT,
    '"><img src=x onerror=alert(2)>',
    "</style></title>{{ 7 * 7 }}\u202e`${1}`",
    "Promyelocyte with a very long name, sixty letters and no fewer",
    "Βασεόφιλο και 嗜碱性粒细胞",
)
"""Names of classes that would break a page which trusts them."""


def write_row(
    out: Path,
    n: int = 0,
    right: float | None = 0.6,
    labels: Sequence[str] = ("BAS", "EOS", "LYA"),
    each: int = 6,
    folds: Sequence[int] = range(5),
    generator: str = "sd21-lora",
    classifier: str = "clip",
    tag: str = "",
    **changes: Any,
) -> Path:
    """Write the trials of one row; ``right`` is the chance of a right prediction, None makes them failed ones.

    A function in ``changes`` is given the record's values and changes them.
    """
    edit = changes.pop("edit", None)
    counts = dict.fromkeys(labels, each)
    for fold in folds:
        values = record_values(fold, generator if n else None, classifier, f1=None if right is None else 0.5)
        row = f"{generator}/{classifier}/s16/n{n}" if n else f"none/{classifier}/s0/n0"
        table = None if right is None else predictions(labels, [each] * len(labels), fold, right)
        dataset = {**values["dataset"], "labels": labels, "classes": {label: 5 * each for label in labels}}
        values |= {
            "row": row,
            "trial": f"{hashlib.sha256((row + tag).encode()).hexdigest()[:12]}__fold{fold}",
            "n_synthetic": n,
            "dataset": {**dataset, "n_images": 5 * each * len(labels)},
            "splits": {"train": {label: 3 * each for label in labels}, "test": counts},
            "shots_used": dict.fromkeys(labels, 16) if n else {},
            "benchmark": {**values["benchmark"], "seed": 42, "repeats": 1},
            **changes,
        }
        if edit is not None:
            edit(values)
        if table is None:
            write_record(out, Record.model_validate(values), None)
        else:
            write_record(out, *recorded(values, table))
    return out
