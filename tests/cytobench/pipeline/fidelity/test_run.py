"""Fidelity in a run: measured once for the same images and fold, kept, and shown in every record that it is about."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cytobench._keys import derive_seed
from cytobench.api import plan, run
from cytobench.config.benchmark import Benchmark
from cytobench.config.resolve import resolve
from cytobench.errors import UserError
from cytobench.metrics.fidelity.features import FeatureSet
from cytobench.metrics.fidelity.measure import measure
from cytobench.pipeline.dryrun.forecast import Forecast
from cytobench.pipeline.graph import plan_trial
from cytobench.pipeline.plan import make_planner
from cytobench.pipeline.stages.fidelity import kept_figures
from cytobench.pipeline.work import run_stage
from cytobench.plugins import load_plugins
from cytobench.protocols import find_protocol
from cytobench.storage.records import Record, read_record
from cytobench.storage.store import Store

Seen = Callable[[], list[str]]


@pytest.fixture
def values(tmp_path: Path, seen: Seen) -> dict[str, Any]:
    """A run of repeat and random on twelve noise images of each of three classes, fold 0 of three."""
    for i in range(36):
        file = tmp_path / "cells" / "ABC"[i // 12] / f"{i % 12:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (16, 16, 3), np.uint8)).save(file)
    return {
        "dataset": str(tmp_path / "cells"), "preset": "pocket", "generator": ["repeat"], "classifier": ["random"],
        "synthetic": [0, 5], "shots": [4], "folds": 3, "fold": [0], "device": "cpu", "extractor": ["colours"],
        "out": tmp_path / "results" / "one",
    }  # fmt: skip


def records(values: dict[str, Any]) -> dict[str, Record]:
    return {file.stem: read_record(file) for file in sorted((values["out"] / "records").glob("*.json"))}


def fidelity_items(forecast: Forecast) -> list[tuple[int, int]]:
    return [(item.todo, item.there) for item in forecast.items if item.kind == "fidelity"]


def test_a_record_shows_the_figures_of_its_images_against_the_test_images(values: dict[str, Any]) -> None:
    run(**values)
    without, with_images = records(values).values()
    assert without.n_synthetic == 0 and without.fidelity == []
    [fidelity] = with_images.fidelity
    assert (fidelity.extractor.name, fidelity.extractor.dimension) == ("colours", 3)
    assert len(fidelity.extractor.weights["weights"].digest) == 64
    assert fidelity.extractor.ran and fidelity.extractor.ran.architecture == "mean colours"
    assert (fidelity.total.n_real, fidelity.total.n_synthetic) == (12, 15)
    assert {label: (figures.n_real, figures.n_synthetic) for label, figures in fidelity.classes.items()} == {
        label: (4, 5) for label in "ABC"
    }
    assert fidelity.total.kid and fidelity.total.kid.low is not None
    [stage] = [stage for stage in with_images.stages if stage.kind == "fidelity"]
    assert (stage.key, stage.label) == (fidelity.key, "colours") and stage.seconds > 0


def test_the_figures_are_those_of_the_test_images_in_the_protocols_view(values: dict[str, Any], tmp_path: Path) -> None:
    """Computed again from the files: the predictions name the test images, and repeat draws copies of the shots."""
    import pandas as pd

    run(**values)
    file = values["out"] / "records" / "repeat__random__s4__n5__fold0.json"
    record = read_record(file)
    predictions = pd.read_parquet(file.parent / str(record.predictions))
    real = [tmp_path / "cells" / path for path in predictions.loc[predictions["split"] == "test", "path"]]
    view = find_protocol("strict").view

    def colour(pixels: Any) -> Any:
        return (view(np.asarray(pixels), 0).reshape(-1, 3).mean(axis=0) / 255).astype(np.float32)

    shards = sorted((values["out"] / "store" / "images").rglob("000000.parquet"))
    sampled = []
    for shard in shards:
        rows = pd.read_parquet(shard).iloc[:5]
        sampled += [(row["label"], _decoded(row["image"]["bytes"])) for _, row in rows.iterrows()]
    sampled.sort(key=lambda sample: sample[0])
    sides = [
        FeatureSet(np.stack([colour(Image.open(file)) for file in real]), ["A"] * len(real), [None] * len(real)),
        FeatureSet(np.stack([colour(pixels) for _, pixels in sampled]), ["A"] * len(sampled), [None] * len(sampled)),
    ]
    expected = measure(*sides, derive_seed(42, "fidelity", 0))
    [fidelity] = record.fidelity
    assert expected.kid and fidelity.total.kid and expected.fid and fidelity.total.fid
    assert fidelity.total.kid.value == pytest.approx(expected.kid.value, abs=1e-6)
    assert fidelity.total.fid.value == pytest.approx(expected.fid.value, abs=1e-6)


def _decoded(data: bytes) -> Any:
    import io

    return Image.open(io.BytesIO(data))


def test_classifiers_share_it_and_more_images_extract_only_new_ones(values: dict[str, Any], seen: Seen) -> None:
    run(**values)
    first = len(seen())
    assert first == len(set(seen())) == 8 * 36, "each image once, and turned, whatever part it is in"
    small = {"timm": {"model": "test_resnet", "epochs": 1, "resolution": 32}}
    run(**{**values, "classifier": ["random", "timm"], "synthetic": [0, 5, 7], "set": small})
    assert len(seen()) == first, "repeat draws the same shots again, so that nothing is new"
    keys = {name: [fidelity.key for fidelity in record.fidelity] for name, record in records(values).items()}
    assert keys["repeat__random__s4__n5__fold0"] == keys["repeat__timm-test_resnet__s4__n5__fold0"]
    assert keys["repeat__random__s4__n5__fold0"] != keys["repeat__random__s4__n7__fold0"]
    results = list((values["out"] / "store" / "fidelity").glob("*/*/fidelity.json"))
    assert len(results) == 2


def test_it_can_be_added_to_a_run_that_is_done_and_changes_nothing_else(values: dict[str, Any], seen: Seen) -> None:
    plain = {**values, "extractor": []}
    run(**plain)
    before = records(values)
    assert not seen() and all(record.fidelity == [] for record in before.values())
    forecast = plan(**values)
    assert fidelity_items(forecast) == [(1, 0)]
    assert {item.kind: item.todo for item in forecast.items if item.kind in ("fit", "train")} == {"train": 0}
    run(**values)
    after = records(values)
    for name, record in after.items():
        assert (record.key, record.scores) == (before[name].key, before[name].scores)
    assert len(after["repeat__random__s4__n5__fold0"].fidelity) == 1
    assert run(**values).outcome.done == []
    assert fidelity_items(plan(**values)) == []


def test_a_plan_counts_its_images_and_knows_its_time_from_records(values: dict[str, Any]) -> None:
    before = plan(**values)
    [item] = [item for item in before.items if item.kind == "fidelity"]
    passes = 12 + 15 + 8 * (12 + 24) + 7 * 15
    assert (item.plugin, item.todo, item.images, item.seconds) == ("colours", 1, passes, None)
    assert item.reasons == {"not made yet": 1}
    run(**values)
    [again] = [item for item in plan(**{**values, "fold": [0, 1]}).items if item.kind == "fidelity"]
    assert again.todo == 1 and again.seconds is not None
    [reason] = again.reasons
    assert "real (" in reason and "seed" in reason


def test_a_calibrated_plan_prices_it(values: dict[str, Any]) -> None:
    steps: list[str] = []
    forecast = plan(**values, calibrate=steps.append)
    [item] = [item for item in forecast.items if item.kind == "fidelity"]
    assert item.seconds is not None and forecast.seconds is not None
    assert "calibrating: fidelity colours" in steps


def test_another_option_of_the_extractor_measures_anew(values: dict[str, Any]) -> None:
    run(**values)
    [before] = records(values)["repeat__random__s4__n5__fold0"].fidelity
    elsewhere = {**values, "out": values["out"].parent / "two", "set": {"colours": {"power": 2}}}
    run(**elsewhere)
    [after] = records(elsewhere)["repeat__random__s4__n5__fold0"].fidelity
    assert before.key != after.key and after.extractor.config["power"] == 2


def test_a_damaged_result_is_measured_again_without_the_extractor(values: dict[str, Any], seen: Seen) -> None:
    run(**values)
    [file] = (values["out"] / "store" / "fidelity").glob("*/*/fidelity.json")
    good = json.loads(file.read_text())
    file.write_text(file.read_text() + " ")
    (values["out"] / "records" / "repeat__random__s4__n5__fold0.json").unlink()
    count = len(seen())
    run(**values)
    assert json.loads(file.read_text()) == good
    assert len(seen()) == count


def test_an_extractor_that_fails_costs_its_figures_alone_and_is_tried_again(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUT_OF_ORDER", "1")
    outcome = run(**values).outcome
    assert (len(outcome.done), outcome.failed) == (2, {})
    assert outcome.unmeasured == {"fidelity colours repeat s4 n5 fold 0": "RuntimeError: out of order"}
    name = "repeat__random__s4__n5__fold0"
    record = records(values)[name]
    assert record.status == "done" and record.scores["test"]["accuracy"] is not None
    assert record.fidelity == [] and record.fidelity_failed["colours"].message == "out of order"
    assert "in features" in str(record.fidelity_failed["colours"].traceback)
    assert records(values)["none__random__s0__n0__fold0"].fidelity_failed == {}

    monkeypatch.delenv("OUT_OF_ORDER")
    again = run(**values).outcome
    assert (again.done, again.unmeasured) == ([name], {})
    mended = records(values)[name]
    assert mended.scores == record.scores and mended.fidelity_failed == {} and len(mended.fidelity) == 1
    assert {stage.kind: stage.reused for stage in mended.stages} == {
        "fit": True, "sample": True, "copies": True, "train": True, "fidelity": False, "predict": False,
    }  # fmt: skip


def test_a_stopped_measurement_goes_on_where_it_was(
    values: dict[str, Any], seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after the first chunk was kept: what was extracted is not extracted again."""
    from cytobench.pipeline.fidelity.cache import FeatureCache

    add = FeatureCache.add

    def stop_after(self: FeatureCache, *arguments: Any) -> None:
        add(self, *arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FeatureCache, "add", stop_after)
        with pytest.raises(KeyboardInterrupt):
            run(**values)
    before = len(seen())
    assert 0 < before < 8 * 36
    run(**values)
    assert len(seen()) == len(set(seen())) == 8 * 36
    assert len(records(values)["repeat__random__s4__n5__fold0"].fidelity) == 1


def test_the_command_tells_of_a_fidelity_that_failed(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from cytobench.cli import main

    monkeypatch.setenv("OUT_OF_ORDER", "1")
    arguments = "--generator repeat --classifier random --extractor colours --preset pocket --synthetic 5 --shots 4"
    places = ["--dataset", values["dataset"], "--out", str(values["out"]), "--device", "cpu", "--quiet"]
    with pytest.raises(SystemExit) as ended:
        main(["run", *arguments.split(), "--folds", "3", "--fold", "0", *places])
    messages = capsys.readouterr().err
    assert ended.value.code == 1
    assert "fidelity failed" in messages and "colours repeat s4 n5 fold 0: RuntimeError: out of order" in messages
    assert "trials failed" not in messages


def test_an_extractor_without_a_generator_has_nothing_to_measure(values: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="extractor='colours' needs a generator"):
        run(**{**values, "generator": [], "synthetic": [0]})


def test_clip_as_classifier_and_extractor_takes_its_options_once(values: dict[str, Any], tmp_path: Path) -> None:
    both = {**values, "classifier": ["clip"], "extractor": ["clip"], "synthetic": [3]}
    forecast = plan(**{**both, "set": {"clip": {"epochs": 1, "model": "custom"}}})
    assert fidelity_items(forecast) == [(1, 0)]


def test_a_stage_crosses_to_another_process_and_does_the_same_there(values: dict[str, Any], tmp_path: Path) -> None:
    plugins = load_plugins()
    resolved = resolve(Benchmark(**{key: value for key, value in values.items() if key != "out"}), plugins)
    run(**values)
    planner = make_planner(resolved, values["out"] / "store")
    trial = next(trial for trial in resolved.trials if trial.arm.n)
    [planned] = plan_trial(planner, trial, resolved.extractors).fidelities
    stage = planned.build()
    measured = kept_figures(planner.store, stage.key)
    copy = pickle.loads(pickle.dumps(stage))
    shutil.rmtree(planner.store.folder("fidelity", stage.key))
    run_stage(copy)
    again = kept_figures(Store(planner.store.root), stage.key)
    assert measured is not None and again is not None and again[0] == measured[0]


def test_planning_imports_no_torch() -> None:
    code = (
        "import sys, cytobench.config.resolve, cytobench.pipeline.dryrun.forecast; "
        "print({'torch', 'torch_fidelity'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_copies_of_chosen_shots_are_not_tested_for(values: dict[str, Any]) -> None:
    """Chosen shots differ from held-out images by the choice already, so that no permutation of them is fair."""
    run(**values, select="first")
    (record,) = [record for record in records(values).values() if record.generator]
    copying = record.fidelity[0].total.copying
    assert copying is not None and copying["testable"] is False
    assert "the shots are chosen (first), not drawn at random" in json.dumps(record.fidelity[0].model_dump(mode="json"))
