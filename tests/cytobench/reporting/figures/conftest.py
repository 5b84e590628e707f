"""Results folders with real predictions of any classes and numbers of images, whose scores are computed from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cytobench.analysis.published.judge import SETTINGS, STUDY_COUNTS
from cytobench.storage.records import Record, write_record

from ...conftest import record_values, recorded

Write = Callable[..., Path]


def predictions(labels: Sequence[str], sizes: Sequence[int], fold: int, right: float) -> pd.DataFrame:
    """A fold's validation and test predictions, right with this chance; the hard images are the same in every row."""
    luck, wrong = np.random.default_rng([7, fold]), np.random.default_rng([fold, round(right * 1000)])
    tables = []
    for part in ("validation", "test"):
        true = np.repeat(np.array(labels, dtype=object), sizes)
        predicted = np.where(
            luck.random(len(true)) < right, true, wrong.choice(np.array(labels, dtype=object), len(true))
        )
        paths = [f"{part}{fold}-{i}.png" for i in range(len(true))]
        table = pd.DataFrame({"path": paths, "split": part, "label": true, "predicted": predicted, "synthetic": False})
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the trials of one row: ``right`` is the chance of a right prediction, None makes them failed ones."""

    def call(
        n: int = 0,
        right: float | None = 0.6,
        labels: Sequence[str] = ("BAS", "EOS", "LYA"),
        sizes: Sequence[int] | None = None,
        folds: Sequence[int] = range(5),
        generator: str = "sd21-lora",
        shots: int = 16,
        classifier: str = "clip",
        seconds: float = 60.0,
        folder: str = "out",
        fidelity: Callable[[int], list[dict[str, Any]]] | None = None,
        **changes: Any,
    ) -> Path:
        sizes = sizes or [6] * len(labels)
        counts = dict(zip(labels, sizes, strict=True))
        for fold in folds:
            values = record_values(fold, generator if n else None, classifier, f1=0.5 if right is not None else None)
            row = f"{generator}/{classifier}/s{shots}/n{n}" if n else f"none/{classifier}/s0/n0"
            values |= {
                "row": row,
                "trial": row.replace("/", "__").replace(":", "-") + f"__fold{fold}",
                "shots": shots if n else 0,
                "n_synthetic": n,
                "shots_used": {},
                "splits": {"train": {k: 3 * v for k, v in counts.items()}, "test": counts},
                "dataset": values["dataset"]
                | {"labels": list(labels), "classes": {k: 5 * v for k, v in counts.items()}},
                "stages": stages(row, fold, n, seconds),
                "fidelity": fidelity(fold) if fidelity else [],
                **changes,
            }
            if right is None:
                write_record(tmp_path / folder, Record.model_validate(values), None)
            else:
                write_record(tmp_path / folder, *recorded(values, predictions(labels, sizes, fold, right)))
        return tmp_path / folder

    return call


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A run as the study's own, CLIP with 100 images a class, without predictions: comparable by its records."""
    generator = SETTINGS["sd21-lora"]
    sampling = {key: generator[key] for key in ("steps", "guidance", "scheduler")}
    for fold in range(5):
        values = record_values(fold, f1=0.44)
        values["scores"]["test_real"] = {"accuracy": 0.4, "f1_macro": 0.3, "auc_macro": 0.6}
        values |= {"row": "sd21-lora/clip/s16/n100", "n_synthetic": 100, "preset": "paper"}
        values["dataset"] |= {"labels": list(STUDY_COUNTS), "classes": dict(STUDY_COUNTS), "n_images": 18_365}
        values["protocol"] |= {"name": "cytodiff", "version": 2, "switches": {"pooled": True}}
        values["classifier"] |= {"config": dict(SETTINGS["clip"])}
        values["classifier"]["ran"] |= {"resolution": 224}
        settings = {key: value for key, value in generator.items() if key not in sampling}
        values["generator"] |= {"fit_config": settings, "sample_config": sampling}
        values["generator"]["ran"] |= {"resolution": 512}
        write_record(tmp_path / "study", Record.model_validate(values), None)
    return tmp_path / "study"


def stages(row: str, fold: int, n: int, seconds: float) -> list[Mapping[str, Any]]:
    """Training for all; with synthetic images the fit and the sampling."""
    base = {"parts": {}, "device": "Test CPU, 2 cores", "when": "2026-01-01T00:00:00+00:00"}
    kinds = {"train": seconds, "predict": seconds / 60} | (
        {"fit": 5 * seconds, "sample": n * seconds / 10} if n else {}
    )
    return [{**base, "kind": kind, "key": f"{kind}-{row}-{fold}", "seconds": time} for kind, time in kinds.items()]
