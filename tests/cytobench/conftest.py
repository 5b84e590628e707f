"""Noise cells to run on; records as a run would leave them, for tests of what reads records; a Hub on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cytobench.api import RunResult, run
from cytobench.errors import on_the_command_line
from cytobench.metrics.scoring import score_splits
from cytobench.storage.records import Record, as_kept

from .distributions import Site
from .hub import Hub
from .noise import noise

LABELS = ["BAS", "EOS", "LYA"]


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve noise images of each of A, B and C in a folder, and a cache of their own."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    for i in range(36):
        noise(tmp_path / "cells" / "ABC"[i // 12] / f"{i % 12:02d}.png", i)
    return tmp_path / "cells"


@pytest.fixture
def small(cells: Path, tmp_path: Path) -> Callable[..., RunResult]:
    """A run of repeat and random on the noise cells, over three folds; arguments change it."""

    def call(**changes: Any) -> RunResult:
        values: dict[str, Any] = {
            "dataset": str(cells),
            "preset": "pocket",
            "generator": ["repeat"],
            "classifier": ["random"],
            "synthetic": [0, 3],
            "shots": [2],
            "folds": 3,
            "device": "cpu",
            "out": tmp_path / "out",
        }
        return run(**{**values, **changes})

    return call


def record_values(
    fold: int = 0,
    generator: str | None = "sd21-lora",
    classifier: str = "clip",
    f1: float | None = 0.5,
    **changes: Any,
) -> dict[str, Any]:
    """A finished trial's values; ``f1`` None makes it a failed one; ``changes`` replace top-level keys."""
    shots, n = (16, 20) if generator else (0, 0)
    row = f"{generator or 'none'}/{classifier}/s{shots}/n{n}"
    used = {"distribution": "cytobench", "version": "0.1.0", "revision": 1}
    stage = {"parts": {}, "device": "Test CPU, 2 cores", "when": "2026-01-01T00:00:00+00:00"}
    scores = {"accuracy": f1, "f1_macro": f1, "auc_macro": f1}
    values: dict[str, Any] = {
        "row": row,
        "trial": row.replace("/", "__").replace(":", "-") + f"__fold{fold}",
        "status": "failed" if f1 is None else "done",
        "key": f"{row}-{fold}",
        "dataset": {
            "name": "cells",
            "digest": "d" * 64,
            "n_images": 50,
            "labels": LABELS,
            "classes": {"BAS": 10, "EOS": 30, "LYA": 10},
            "public": True,
            "limit": None,
            "grouped": "images only",
        },
        "protocol": {"name": "strict", "version": 1, "switches": {"crop": 0.8625}, "folds": 5, "fold": fold},
        "preset": "pocket",
        "generator": None,
        "classifier": {
            **used,
            "name": classifier,
            "plugin": classifier.partition(":")[0],
            "config": {"epochs": 3},
            "ran": {"weights": "tiny-clip 9f8e", "architecture": "TinyViT", "resolution": 64},
        },
        "shots": shots,
        "n_synthetic": n,
        "seed": 42,
        "splits": {
            "train": {"BAS": 6, "EOS": 18, "LYA": 6},
            "validation": {"BAS": 2, "EOS": 6, "LYA": 2},
            "test": {"BAS": 2, "EOS": 6, "LYA": 2},
        },
        "scores": {} if f1 is None else {"validation": scores, "test": scores},
        "stages": [{**stage, "kind": "train", "key": f"train-{row}-{fold}", "seconds": 10.0}],
        "environment": {"python": "3.11", "platform": "Linux", "packages": {"cytobench": "0.1.0"}},
        "device": {"kind": "cpu", "name": "Test CPU, 2 cores", "driver": None},
        "benchmark": {"dataset": "cells", "folds": 5, "fold": [0, 1, 2, 3, 4]},
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:01:00+00:00",
        "error": None,
    }
    if generator:
        values["generator"] = {
            **used,
            "name": generator,
            "plugin": generator,
            "fit_config": {"steps": 5},
            "sample_config": {"batch_size": 8},
            "ran": {"weights": "tiny-sd 1a2b", "architecture": "TinyUNet", "resolution": 64},
        }
        values["shots_used"] = {"BAS": 16, "EOS": 16, "LYA": 6}
    if f1 is None:
        values["error"] = {"type": "RuntimeError", "message": "out of memory\nmore", "traceback": "Traceback"}
    return {**values, **changes}


def recorded(values: dict[str, Any], table: pd.DataFrame) -> tuple[Record, pd.DataFrame]:
    """The record of these values whose counts and scores are those of the predictions, and the predictions.

    These get probabilities if they have none: 0.8 for the class that is predicted.
    """
    labels, real = values["dataset"]["labels"], table[~table["synthetic"]]
    if not any(str(name).startswith("p_") for name in table):
        rest = 0.2 / (len(labels) - 1)
        sure = {f"p_{label}": np.where(table["predicted"] == label, 0.8, rest) for label in labels}
        table = pd.concat([table, pd.DataFrame(sure, index=table.index)], axis=1)
    counts = {
        split: {label: int((of_split["label"] == label).sum()) for label in labels}
        for split, of_split in real.groupby("split")
    }
    splits = {**values["splits"], **{part: counts[part] for part in ("validation", "test") if part in counts}}
    classes = {label: sum(part.get(label, 0) for part in splits.values()) for label in labels}
    scored = score_splits(as_kept(table), Record.model_validate(values).evaluated)
    values = {
        **values,
        "splits": splits,
        "dataset": {**values["dataset"], "classes": classes},
        "scores": {split: scores.values for split, scores in scored.items()},
    }
    return Record.model_validate(values), table


@pytest.fixture
def make_values() -> Callable[..., dict[str, Any]]:
    """Values of a record, to be changed and validated."""
    return record_values


@pytest.fixture
def make_record() -> Callable[..., Record]:
    """A record made by :func:`record_values`."""
    return lambda *args, **kwargs: Record.model_validate(record_values(*args, **kwargs))


@pytest.fixture
def command_line() -> Iterator[None]:
    """Messages name options, as in a command; else they name parameters of the Python API."""
    with on_the_command_line():
        yield


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub on this machine, without a model."""
    served = Hub()
    yield served
    served.close()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder to install distributions into, on the path. What a test imports from it is forgotten afterwards."""
    found = Site(tmp_path / "site")
    found.path.mkdir()
    monkeypatch.syspath_prepend(str(found.path))
    yield found
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(found.path)):
            del sys.modules[name]
