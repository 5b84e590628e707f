"""A plan says why what it would do is not there already."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

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
        "the record is of other work: its data, settings, weights or plugins have changed": 1
    }


def test_a_failed_trial_is_tried_again(values: dict[str, Any], reasons: Reasons, tmp_path: Path) -> None:
    for label in "ABC":
        shutil.copytree(tmp_path / "cells" / label, tmp_path / "made" / label)
    (tmp_path / "made" / "A" / "00.png").write_bytes(b"no image")
    options = {"generator": ["folder"], "set": {"folder": {"path": str(tmp_path / "made")}}, "out": tmp_path / "failed"}
    assert len(run(**{**values, **options}).outcome.failed) == 1
    assert reasons(**options)["predict"] == {"failed before": 1}
