"""Baselines as a benchmark declares them: their work, their steps, and that options left alone change nothing."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
from PIL import Image
from safetensors.torch import save_file

from cytobench.api import plan, run
from cytobench.errors import UserError
from cytobench.storage.records import read_record, rescore

ROOT = Path(__file__).parents[3]
TINY = {"plugin": "timm", "model": "test_resnet", "resolution": 32, "epochs": 2, "batch_size": 8}
VARIANTS = {
    "plain": TINY,
    "weighted": {**TINY, "class_weights": True},
    "oversampled": {**TINY, "oversample": 6, "synthetic": [0]},
    "longer": {**TINY, "match_steps": 6, "synthetic": [0]},
}


@pytest.fixture
def values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Arguments of a run on 9, 12 and 15 noise images of A, B and C, on one fold of three."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    for label, count in (("A", 9), ("B", 12), ("C", 15)):
        for i in range(count):
            file = tmp_path / "cells" / label / f"{i:02d}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng((count, i)).integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(file)
    return {
        "dataset": str(tmp_path / "cells"), "preset": "pocket", "shots": [2], "folds": 3, "fold": [0],
        "device": "cpu", "out": tmp_path / "out",
    }  # fmt: skip


def steps(values: dict[str, Any], **changes: Any) -> dict[str, int]:
    return {item.plugin: item.steps for item in plan(**values, **changes).items if item.kind == "train"}


def test_baselines_are_rows_of_one_table(values: dict[str, Any]) -> None:
    chosen = {"synthetic": [0, 6], "generator": ["repeat"], "classifier": list(VARIANTS), "variants": VARIANTS}
    result = run(**values, **chosen)
    (section,) = result.leaderboard.sections
    assert {row.row for row in section.rows} == {
        *(f"none/{name}/s0/n0" for name in VARIANTS), "repeat/plain/s2/n6", "repeat/weighted/s2/n6"
    }  # fmt: skip
    keys = set()
    for file in (values["out"] / "records").glob("*.json"):
        record = read_record(file)
        assert rescore(file) == record.scores
        keys.add(next(stage.key for stage in record.stages if stage.kind == "train"))
    assert len(keys) == 6
    assert run(**values, **chosen).outcome.done == []


def test_a_baseline_takes_the_steps_of_the_row_it_stands_for(values: dict[str, Any]) -> None:
    real = steps(values, synthetic=[0], classifier=list(VARIANTS), variants=VARIANTS)
    made = steps(values, synthetic=[6], generator=["repeat"], classifier=["plain"], variants=VARIANTS)
    assert real["oversampled"] == real["longer"] == made["plain"] > real["plain"] == real["weighted"]


def test_a_recorded_training_took_the_planned_steps_and_is_priced_by_them(values: dict[str, Any]) -> None:
    chosen = {"synthetic": [0], "classifier": ["oversampled"], "variants": VARIANTS}
    run(**values, **chosen)
    found = plan(**values | {"fold": [0, 1]}, **chosen)
    (trained,) = [item for item in found.items if item.kind == "train"]
    assert trained.todo == 1 and trained.seconds is not None
    record = read_record(values["out"] / "records" / "none__oversampled__s0__n0__fold0.json")
    assert len(record.curves) == TINY["epochs"]
    assert record.splits["train"] == {"A": 3, "B": 4, "C": 5}  # what the data set gave, not what was repeated


def test_options_left_alone_are_not_written_anywhere(values: dict[str, Any]) -> None:
    chosen = {"synthetic": [0], "classifier": ["plain"]}
    run(**values, **chosen, variants={"plain": TINY})
    (stage,) = (values["out"] / "store" / "train").glob("*/*/stage.json")
    config = json.loads(stage.read_text())["inputs"]["config"]
    resolved = tomllib.loads((values["out"] / "benchmark.toml").read_text())["set"]["plain"]
    record = read_record(values["out"] / "records" / "none__plain__s0__n0__fold0.json").classifier.config
    for written in (config, resolved, record):
        assert "epochs" in written
        assert not {"class_weights", "oversample", "match_steps", "weights"} & set(written)
    off = {**TINY, "class_weights": False, "oversample": 0, "match_steps": 0}
    again = run(**values, **chosen, variants={"plain": off})
    assert again.outcome.done == []
    for key, value in (("class_weights", True), ("oversample", 1), ("match_steps", 1)):
        with pytest.raises(UserError, match=rf"plain\.{key} differ"):
            run(**values, **chosen, variants={"plain": {**TINY, key: value}})


def test_starting_weights_are_part_of_the_work_by_their_digest(values: dict[str, Any], tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.safetensors" for name in ("one", "moved")]
    save_file(timm.create_model("test_resnet", num_classes=9).state_dict(), files[0])
    shutil.copy(files[0], files[1])
    variants = {"scratch": TINY, **{file.stem: {**TINY, "weights": str(file)} for file in files}}
    result = run(**values, synthetic=[0], classifier=list(variants), variants=variants)
    assert len(list((values["out"] / "store" / "train").glob("*/*"))) == 2 and len(result.outcome.done) == 3
    records = {name: read_record(values["out"] / "records" / f"none__{name}__s0__n0__fold0.json") for name in variants}
    assert records["one"].key == records["moved"].key != records["scratch"].key
    assert records["scratch"].classifier.ran is not None and records["one"].classifier.ran is not None
    assert records["scratch"].classifier.ran.weights == "from scratch"
    digest = records["one"].classifier.weights["weights"].digest
    assert records["one"].classifier.ran.weights == (
        f"from {files[0]}@{digest[:12]}, normalised as timm does for test_resnet"
    )


def test_the_declared_baselines_can_be_planned(tmp_path: Path) -> None:
    found = plan(ROOT / "benchmarks" / "baselines.toml", out=tmp_path / "out", device="cpu")
    trained = {item.plugin: item for item in found.items if item.kind == "train"}
    declared = tomllib.loads((ROOT / "benchmarks" / "baselines.toml").read_text())
    assert set(trained) == set(declared["classifier"])
    assert not found.done and found.trials == sum(item.todo for item in trained.values())


@pytest.mark.parametrize("name", ["phantom-strict-pocket"])
def test_what_was_trained_with_other_augmentation_is_not_taken_for_done(tmp_path: Path, name: str) -> None:
    """The recorded runs are of revision 1 of their classifiers."""
    shutil.copytree(ROOT / "results" / name, tmp_path / name)
    found = plan(tmp_path / name / "benchmark.toml", out=tmp_path / name, device="cpu")
    assert (found.trials, found.done) == (10, 0)
