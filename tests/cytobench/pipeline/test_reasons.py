"""A plan says why what it would do is not there already."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import cytobench_phantom
from cytobench.api import plan, run

Reasons = Callable[..., dict[str, dict[str, int]]]


@pytest.fixture
def values(cells: Path, tmp_path: Path) -> dict[str, Any]:
    """One fold of repeat and random on twelve noise images of each of A, B and C, which has been run."""
    values = {
        "dataset": str(cells), "preset": "pocket", "generator": ["repeat"], "classifier": ["random"],
        "synthetic": [3], "shots": [2], "folds": 3, "fold": [0], "device": "cpu", "out": tmp_path / "out",
        "store": tmp_path / "store",
    }  # fmt: skip
    run(**values)
    return values


@pytest.fixture
def reasons(values: dict[str, Any], tmp_path: Path) -> Reasons:
    """Why each kind of stage is to do, and how often; into a new results folder, unless ``out`` is given."""

    def call(**changes: Any) -> dict[str, dict[str, int]]:
        found = plan(**{**values, "out": tmp_path / "new", **changes})
        return {item.kind: item.reasons for item in found.items if item.todo}

    return call


def test_what_is_there_needs_no_reason(reasons: Reasons, values: dict[str, Any]) -> None:
    assert reasons(out=values["out"]) == {}
    assert reasons() == {"predict": {"no record": 1}}


def test_what_differs_is_named_with_both_values(reasons: Reasons) -> None:
    found = reasons(set={"repeat": {"batch_size": 4}})
    assert found["sample"] == {"differs from the nearest there is: sample.batch_size 8 -> 4": 3}
    assert found["train"] == {"differs from the nearest there is: synthetic (3 of 3 new)": 1}
    assert "fit" not in found


def test_prompts_shots_and_seeds_are_named(reasons: Reasons) -> None:
    found = reasons(prompts={"B": {"generator": "a cell"}})
    assert found["fit"] == {"differs from the nearest there is: prompts (1 of 1 new)": 1}
    assert found["sample"] == {"differs from the nearest there is: fit, prompt": 1}
    assert reasons(shots=[3])["fit"] == {"differs from the nearest there is: shots (1 of 3 new)": 3}
    assert all("seed" in reason for reason in reasons(seed=7)["fit"])


def test_what_was_never_made_says_so(reasons: Reasons, tmp_path: Path) -> None:
    empty = reasons(store=tmp_path / "empty")
    assert {kind: set(why) for kind, why in empty.items()} == {
        "fit": {"not made yet"},
        "sample": {"not made yet"},
        "copies": {"not compared yet"},
        "train": {"not made yet"},
        "predict": {"no record"},
    }
    assert reasons(synthetic=[20])["sample"] == {"more images than before": 6}


def test_damage_is_named(reasons: Reasons, values: dict[str, Any]) -> None:
    store = values["store"]
    [manifest] = store.glob("train/*/*/stage.json")
    other = next(file for file in sorted(manifest.parent.iterdir()) if file.name != "stage.json")
    other.write_bytes(b"damaged")
    for shard in store.rglob("*.parquet"):
        shard.write_bytes(shard.read_bytes()[:-7])
    for manifest in store.glob("fit/*/*/stage.json"):
        manifest.write_text("{")
    found = reasons()
    assert found["train"] == {f"damaged: {other.name}": 1}
    assert found["sample"] == {"damaged, or cut off while it was written": 3}
    assert found["fit"] == {"damaged: stage.json": 3}


def test_records_say_why_they_do_not_count(reasons: Reasons, values: dict[str, Any]) -> None:
    out = values["out"]
    [record], [table] = (out / "records").iterdir(), (out / "predictions").iterdir()
    whole, text = table.read_bytes(), record.read_text()
    table.write_bytes(whole[:-1])
    assert reasons(out=out)["predict"] == {"the predictions are missing or damaged": 1}
    table.write_bytes(whole)
    record.write_text(text.replace('"n_synthetic": 3', '"n_synthetic": 5'))
    assert reasons(out=out)["predict"] == {"the record is damaged": 1}
    record.write_text(text)
    file = next((Path(values["dataset"])).rglob("*.png"))
    Image.fromarray(255 - np.asarray(Image.open(file))).save(file)
    assert reasons(out=out)["predict"] == {
        "the record is of other work: its data, settings, weights, their configuration or plugins have changed": 1
    }


def test_a_failed_trial_is_tried_again(values: dict[str, Any], reasons: Reasons, tmp_path: Path) -> None:
    for label in "ABC":
        shutil.copytree(tmp_path / "cells" / label, tmp_path / "made" / label)
    (tmp_path / "made" / "A" / "00.png").write_bytes(b"no image")
    options = {"generator": ["folder"], "set": {"folder": {"path": str(tmp_path / "made")}}, "out": tmp_path / "failed"}
    assert len(run(**{**values, **options}).outcome.failed) == 1
    assert reasons(**options)["predict"] == {"failed before": 1}


POCKET = Path(cytobench_phantom.__file__).parent / "weights"


@pytest.fixture
def weighty(cells: Path, tmp_path: Path) -> dict[str, Any]:
    """One image a class of a copy of the pocket pipeline, and an epoch of a copy of the pocket CLIP, which has run."""
    for part in ("sd", "clip"):
        shutil.copytree(POCKET / part, tmp_path / part)
    values = {
        "dataset": str(cells), "preset": "pocket", "generator": ["sd21"], "classifier": ["clip"], "synthetic": [1],
        "folds": 3, "fold": [0], "device": "cpu", "out": tmp_path / "out", "store": tmp_path / "store", "set": {
            "sd21": {"weights": str(tmp_path / "sd"), "steps": 1, "batch_size": 1},
            "clip": {"weights": str(tmp_path / "clip"), "epochs": 1, "warmup_epochs": 0},
        },
    }  # fmt: skip
    run(**values)
    return values


def todo(values: dict[str, Any]) -> dict[str, list[str]]:
    """Why each kind of stage is to do."""
    return {item.kind: list(item.reasons) for item in plan(**values).items if item.todo}


def test_a_corrected_scheduler_and_another_tokenizer_are_other_work(weighty: dict[str, Any], tmp_path: Path) -> None:
    assert todo(weighty) == {}
    for part in ("sd", "clip"):
        (tmp_path / part / "README.md").write_text("mirrored")
        for file in (tmp_path / part).rglob("*.json"):
            file.write_text(json.dumps(json.loads(file.read_text()), indent=3))
    assert todo(weighty) == {}

    scheduler = tmp_path / "sd" / "scheduler" / "scheduler_config.json"
    scheduler.write_text(scheduler.read_text().replace("v_prediction", "epsilon"))
    named = "differs from the nearest there is: assets.weights.configuration.scheduler/scheduler_config.json"
    assert todo(weighty)["sample"] == [named]
    shutil.copyfile(POCKET / "sd" / "scheduler" / scheduler.name, scheduler)
    assert todo(weighty) == {}

    tokenizer = tmp_path / "clip" / "tokenizer.json"
    content = json.loads(tokenizer.read_text())
    vocabulary = content["model"]["vocab"]
    content["model"]["vocab"] = dict(zip(vocabulary, reversed(vocabulary.values()), strict=True))
    tokenizer.write_text(json.dumps(content))
    assert todo(weighty)["train"] == ["differs from the nearest there is: assets.weights.configuration.tokenizer.json"]


def test_a_store_from_before_configurations_counted_is_told(weighty: dict[str, Any]) -> None:
    (manifest,) = Path(weighty["store"]).glob("train/*/*/stage.json")
    content = json.loads(manifest.read_text())
    content["inputs"]["assets"]["weights"] = "0" * 64
    manifest.write_text(json.dumps(content))
    manifest.parent.rename(manifest.parent.with_name("0" * 64))
    (reason,) = todo({**weighty, "out": weighty["out"].with_name("new")})["train"]
    assert reason == (
        "differs from the nearest there is: assets.weights, which now counts the configuration files beside the weights"
    )
