"""What is in a stage's key, and what each stage is given."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cytobench.config.benchmark import make_benchmark
from cytobench.config.grid import Trial
from cytobench.config.resolve import Resolved, resolve
from cytobench.decode import pixel_digest
from cytobench.pipeline.graph import plan_trial
from cytobench.pipeline.plan import Planner, make_planner
from cytobench.pipeline.stages.fit import FitStage
from cytobench.pipeline.stages.train import TrainStage
from cytobench.plugins import load_plugins

from ..noise import noise

Plan = Callable[..., tuple[Planner, list[Trial]]]


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nine noise images of each of A, B and C."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    for i in range(27):
        noise(tmp_path / "cells" / "ABC"[i // 9] / f"{i % 9:02d}.png", i, side=20)
    return tmp_path / "cells"


@pytest.fixture
def plan(cells: Path, tmp_path: Path) -> Plan:
    """The planner and the trials (one N = 0, the others with repeat) of a run; arguments change it."""
    plugins = load_plugins()

    def call(store: str = "store", **changes: Any) -> tuple[Planner, list[Trial]]:
        values: dict[str, Any] = {
            "dataset": str(cells),
            "preset": "pocket",
            "generator": ["repeat"],
            "classifier": ["random"],
            "synthetic": [0, 5],
            "shots": [2],
            "folds": 3,
            "device": "cpu",
        }
        resolved: Resolved = resolve(make_benchmark({**values, **changes}, "options"), plugins)
        return make_planner(resolved, tmp_path / store), resolved.trials

    return call


def keys(planner: Planner, trial: Trial) -> dict[str, object]:
    prediction = plan_trial(planner, trial)
    sample = prediction.training.sample
    return {
        "fit": [] if sample is None else [fit.key for fit in sample.fits],
        "images": [] if sample is None else [share.images.folder.name for share in sample.classes],
        "train": prediction.training.key,
        "record": prediction.key,
    }


def fits(planner: Planner, trial: Trial) -> list[FitStage]:
    sample = plan_trial(planner, trial).training.sample
    return [] if sample is None else [fit.build() for fit in sample.fits]


def train(planner: Planner, trial: Trial) -> TrainStage:
    return plan_trial(planner, trial).training.build()


def test_keys_do_not_depend_on_where_things_lie_or_how_they_are_loaded(
    plan: Plan, cells: Path, tmp_path: Path
) -> None:
    here, trials = plan()
    shutil.copytree(cells, tmp_path / "moved" / "elsewhere")
    there, others = plan("other store", dataset=str(tmp_path / "moved" / "elsewhere"), workers=2)
    assert [keys(here, trial) for trial in trials] == [keys(there, trial) for trial in others]


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"seed": 1}, {"fit", "images", "train", "record"}),
        ({"prompts": {"A": {"generator": "a cell"}}}, {"fit", "images", "train", "record"}),
        ({"prompts": {"A": {"classifier": "a cell"}}}, {"train", "record"}),
        ({"shots": [3]}, {"fit", "images", "train", "record"}),
        ({"synthetic": [0, 6]}, {"train", "record"}),
        ({"folds": 4}, {"fit", "images", "train", "record"}),
        ({"workers": 1}, set()),
        ({"generator": ["repeat", "repeat"]}, set()),
    ],
)
def test_each_setting_changes_the_stages_it_can_change_and_no_other(
    plan: Plan, changes: dict[str, Any], changed: set[str]
) -> None:
    before, after = (keys(planner, trials[1]) for planner, trials in (plan(), plan(**changes)))
    assert {kind for kind in before if before[kind] != after[kind]} == changed


def test_number_format_and_revision_are_part_of_the_keys(plan: Plan) -> None:
    planner, trials = plan()
    half = replace(planner, dtype="float16")
    trial = trials[1]
    generator = trial.arm.generator
    assert generator is not None
    newer = replace(generator.offer, spec=replace(generator.offer.spec, revision=2))
    revised = Trial(replace(trial.arm, generator=replace(generator, offer=newer)), trial.fold)
    before = keys(planner, trial)
    assert all(
        before[kind] != other[kind]
        for kind in before
        for other in (keys(half, trial), keys(planner, revised))
    )


def test_every_stage_of_every_trial_has_a_key_of_its_own_and_folds_share_nothing(plan: Plan) -> None:
    planner, trials = plan(shots=[2, 3])
    found = [keys(planner, trial) for trial in trials]
    for kind in ("train", "record"):
        assert len({str(one[kind]) for one in found}) == len(trials) == 9
    fit_keys = {key for one in found for key in one["fit"]}  # type: ignore[attr-defined]
    assert len(fit_keys) == 3 * 3 * 2


def test_arms_of_a_fold_differ_by_their_images_alone(plan: Plan) -> None:
    planner, trials = plan()
    for fold in range(3):
        none, repeat = (train(planner, trial) for trial in trials if trial.fold == fold)
        assert none.work.seed == repeat.work.seed
        real = len(none.train)
        assert list(repeat.train.table["synthetic"]) == [False] * real + [True] * 15
        assert list(repeat.train.table["label"][real:]) == ["A"] * 5 + ["B"] * 5 + ["C"] * 5
        assert repeat.train.take(range(real)).table.equals(none.train.table)
        assert not repeat.val.table["synthetic"].any()


def test_no_held_out_image_reaches_a_fit_or_a_training(plan: Plan) -> None:
    planner, trials = plan()
    for trial in trials:
        predict = plan_trial(planner, trial).build()
        held_out = {path for paths in predict.paths.values() for path in paths}
        assert set(predict.splits) == {"validation", "test"}
        seen = [train(planner, trial).train, *(stage.shots for stage in fits(planner, trial))]
        given = {
            str(one.path.relative_to(planner.dataset.root))  # type: ignore[attr-defined]
            for images in seen
            for one in images.pixels
            if hasattr(one, "path") and one.path.suffix == ".png"
        }
        assert given
        assert not given & held_out


def test_shots_are_seen_whole_and_training_images_cropped(plan: Plan) -> None:
    planner, trials = plan()
    [fit, *_] = fits(planner, trials[1])
    assert fit.shots[0].shape == (20, 20, 3)
    assert train(planner, trials[1]).train[0].shape == (17, 17, 3)
    assert plan_trial(planner, trials[1]).build().splits["test"][0].shape == (17, 17, 3)


def test_images_made_elsewhere_are_known_by_content_and_by_fold(
    plan: Plan, cells: Path, tmp_path: Path
) -> None:
    shutil.copytree(cells, tmp_path / "made")
    shutil.copytree(cells, tmp_path / "copy")

    def found(name: str) -> list[object]:
        planner, trials = plan(
            generator=["folder"], synthetic=[5], set={"folder": {"path": str(tmp_path / name)}}
        )
        assert all(trial.arm.shots == 0 and fits(planner, trial) == [] for trial in trials)
        return [keys(planner, trial)["images"] for trial in trials]

    before = found("made")
    assert found("copy") == before
    assert len({str(one) for one in before}) == 3
    file = tmp_path / "copy" / "A" / "00.png"
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(file)
    assert not {str(one) for one in found("copy")} & {str(one) for one in before}


def test_stages_survive_pickling(plan: Plan) -> None:
    planner, trials = plan()
    stage = train(planner, trials[0])
    copy = pickle.loads(pickle.dumps(stage))
    assert copy.key == stage.key
    assert pixel_digest(copy.train[3]) == pixel_digest(stage.train[3])
