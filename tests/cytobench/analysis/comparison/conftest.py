"""Results folders with real predictions, whose scores are computed from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cytobench.storage.records import write_record

from ...conftest import LABELS, record_values, recorded

SIZES = {"BAS": 6, "EOS": 18, "LYA": 6}
"""Test images of each class in a fold."""


def predictions(fold: int, right: float, seed: int, groups: bool = False, split: str = "test") -> pd.DataFrame:
    """A fold's validation and test predictions, right with this chance."""
    # The images that are hard are the same for every row, as with real classifiers.
    luck, wrong = np.random.default_rng([seed, fold]), np.random.default_rng([seed, fold, int(right * 1000)])
    tables = []
    for part in ("validation", split):
        labels = [label for label, n in SIZES.items() for _ in range(n)]
        guess = wrong.choice(LABELS, size=len(labels))
        predicted = np.where(luck.random(len(labels)) < right, labels, guess)
        paths = [f"{label}/{part}{fold}-{i:02d}.png" for i, label in enumerate(labels)]
        table = pd.DataFrame(
            {"path": paths, "split": part, "label": labels, "predicted": predicted, "synthetic": False}
        )
        if groups:
            table["group"] = pd.array([fold * 100 + i // 3 for i in range(len(labels))], dtype="Int64")
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write the trials of one row into ``tmp_path``: ``right`` is the chance of a right prediction.

    ``classifier_name`` is a name of the plugin ``clip``; ``analysis`` is what the benchmark declares.
    """

    def call(
        generator: str | None = "sd21-lora",
        right: float = 0.7,
        folds: Sequence[int] = range(5),
        seeds: Sequence[int] = (42,),
        n: int = 20,
        groups: bool = False,
        split: str = "test",
        tag: str = "",
        folder: str = "out",
        classifier_name: str = "clip",
        analysis: Mapping[str, Any] | None = None,
        change: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table,
        **changes: Any,
    ) -> Path:
        for seed in seeds:
            for fold in folds:
                values = record_values(fold, generator, classifier_name)
                values["classifier"]["plugin"] = "clip"
                if generator:
                    values |= {"n_synthetic": n, "row": f"{generator}/{classifier_name}/s16/n{n}"}
                if analysis is not None:
                    values["benchmark"]["analysis"] = analysis
                table = change(predictions(fold, right, seed, groups, split))
                values |= {
                    "trial": f"{values['row'].replace('/', '__')}{tag}__fold{fold}__{seed}",
                    "seed": seed,
                    "splits": {"train": {label: 3 * n for label, n in SIZES.items()}, "test": SIZES},
                    "benchmark": {**values["benchmark"], "seed": 42, "repeats": len(seeds)},
                    **changes,
                }
                write_record(tmp_path / folder, *recorded(values, table))
        return tmp_path / folder

    return call
