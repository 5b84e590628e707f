"""What `--dry-run` says of a run, before it, in the middle of it and after it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cytobench.api import plan, run
from cytobench.cli import main
from cytobench.errors import UserError
from cytobench.pipeline.dryrun.composition import composition_lines
from cytobench.pipeline.dryrun.forecast import Forecast
from cytobench.plugins import load_plugins

from ...distributions import Site, classifier, returning


@pytest.fixture
def values(cells: Path, tmp_path: Path) -> dict[str, Any]:
    """A run of repeat and random on twelve noise images of each of three classes, over three folds."""
    return {
        "dataset": str(cells), "preset": "pocket", "generator": ["repeat"], "classifier": ["random"],
        "synthetic": [0, 3, 25], "shots": [2], "folds": 3, "device": "cpu", "out": tmp_path / "results" / "one",
    }  # fmt: skip


def todo(found: Forecast) -> dict[str, tuple[int, int]]:
    return {item.kind: (item.todo, item.there) for item in found.items}


def test_everything_is_to_do_before_and_nothing_after(values: dict[str, Any]) -> None:
    before = plan(**values)
    assert not Path(values["out"]).exists()  # a plan leaves nothing behind
    assert (before.trials, before.done) == (9, 0)
    assert before.seconds is None
    assert todo(before)["fit"] == (9, 0) and todo(before)["train"] == (9, 0) and todo(before)["predict"] == (9, 0)
    run(**values)
    after = plan(**values)
    assert (after.done, after.seconds) == (9, 0.0)
    assert todo(after) == {"predict": (0, 9)}
    made = {
        kind: len(list((values["out"] / "store").glob(f"{kind}/*/*/{pattern}")))
        for kind, pattern in (("fit", "stage.json"), ("train", "stage.json"), ("images", "*.parquet"))
    }
    assert made == {"fit": 9, "train": 9, "images": todo(before)["sample"][0]}


WARY = """
from cytobench.contract import PluginConfig
from cytobench_controls.random import Random

class Config(PluginConfig):
    depth: int = 3

    def cautions(self, images, classes):
        text = f"a depth of {self.depth} is little for {classes} classes"
        return {1: [text], 2: text}.get(self.depth, ())

class Forest(Random):
    pass
"""


@pytest.mark.parametrize("depth", [1, 2])  # a list of sentences, and one alone
def test_what_a_plugin_cautions_of_is_told_before_the_run_once(
    values: dict[str, Any], site: Site, caplog: pytest.LogCaptureFixture, depth: int
) -> None:
    forest = classifier("forest", factory="wary:Forest", config="wary:Config")
    site.install("dist-wary", returning(f"[{forest}]"), modules={"wary": WARY})
    values |= {"plugins": load_plugins(site.points()), "generator": [], "classifier": ["forest"], "synthetic": [0]}
    assert plan(**values).cautions == ()
    values |= {"set": {"forest": {"depth": depth}}}
    told = f"forest (train, 3 to do): a depth of {depth} is little for 3 classes."
    assert plan(**values).cautions == (told,)
    run(**values, in_process=True)
    assert [record.getMessage() for record in caplog.records].count(f"caution: {told}") == 1
    assert plan(**values).cautions == ()  # nothing is left to do


@pytest.mark.parametrize("preset", ["pocket", "paper"])
def test_no_preset_of_a_built_in_plugin_is_cautioned_of(values: dict[str, Any], preset: str) -> None:
    values |= {"preset": preset, "generator": ["repeat"], "classifier": ["resnet50", "timm"], "synthetic": [0]}
    assert plan(**values).cautions == ()


def test_a_part_that_is_done_is_there(values: dict[str, Any]) -> None:
    run(**{**values, "fold": [0], "synthetic": [0, 3]})
    found = plan(**{**values, "fold": None})
    assert (found.trials, found.done) == (9, 2)
    assert todo(found)["train"] == (7, 0)
    assert todo(found)["fit"] == (6, 3)  # the shots of fold 0 are those of its larger set, too
    assert [item.seconds is not None for item in found.items if item.kind in ("sample", "predict")] == [True, True]


def test_time_comes_from_records_of_the_same_settings(values: dict[str, Any]) -> None:
    run(**{**values, "fold": [0]})
    other = {**values, "out": values["out"].parent / "two", "seed": 7}
    known = plan(**other)
    assert known.seconds is not None and 0 < known.seconds < 60
    assert plan(**{**other, "set": {"repeat": {"batch_size": 4}}}).seconds is None


def test_classes_show_their_images_in_every_fold(values: dict[str, Any]) -> None:
    found = plan(**values)
    assert [one.label for one in found.classes] == ["A", "B", "C"]
    assert {(one.images, one.groups, one.shots) for one in found.classes} == {(12, 0, (2, 2, 2))}
    assert {one.fold_images for one in found.classes} == {((4, 4, 4),) * 3}


def test_groups_are_counted_in_every_fold(values: dict[str, Any], tmp_path: Path) -> None:
    rows = [f"cells/{label}/{i:02d}.png,{label},patient{i // 2}" for label in "ABC" for i in range(12)]
    manifest = tmp_path / "grouped.csv"
    manifest.write_text("\n".join(["path,label,group", *rows]))
    found = plan(**{**values, "dataset": str(manifest), "synthetic": [0], "generator": []})
    assert {(one.images, one.groups, one.fold_groups) for one in found.classes} == {(12, 6, ((2, 2, 2),) * 3)}
    [line, *_, legend] = composition_lines(found.classes[:1], found.folds, found.pooled, 1)[1:]
    assert line.split() == ["A", "12", "6", "-", *(["4/4/4", "(2/2/2)"] * 3)]
    assert "in brackets their groups" in legend


def test_repeats_are_counted_and_each_divides_anew(values: dict[str, Any]) -> None:
    found = plan(**{**values, "repeats": 3, "synthetic": [3]})
    assert (found.trials, found.seeds) == (9, (42, 43, 44))
    assert todo(found) == {"fit": (27, 0), "sample": (27, 0), "copies": (27, 0), "train": (9, 0), "predict": (9, 0)}

def test_a_plan_refuses_what_the_run_refuses(values: dict[str, Any]) -> None:
    run(**{**values, "fold": [0], "synthetic": [0]})
    with pytest.raises(UserError, match="other settings"):
        plan(**{**values, "seed": 1})


def test_the_command_shows_it_and_does_nothing(
    values: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = ["--dataset", values["dataset"], "--preset", "pocket", "--generator", "repeat", "--classifier", "random"]
    options += ["--synthetic", "3", "--shots", "2", "--folds", "3", "--out", str(values["out"]), "--dry-run"]
    shown = _call(capsys, "run", *options)
    assert "3 trials, 0 of them done" in shown and "4/4/4" in shown and "unknown" in shown
    assert "A (template):" in shown
    found = json.loads(_call(capsys, "run", *options, "--json"))
    assert found["trials"] == 3 and found["classes"][0]["label"] == "A"
    assert not values["out"].exists()


def _call(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call: Callable[[list[str]], None] = main
    with pytest.raises(SystemExit) as ended:
        call(list(arguments))
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_a_calibration_prices_every_stage_and_leaves_nothing(values: dict[str, Any], tmp_path: Path) -> None:
    told: list[str] = []
    found = plan(**values, calibrate=told.append)
    assert found.calibrated and found.seconds is not None and found.bytes is not None
    assert all(item.seconds is not None and item.bytes is not None for item in found.items if item.todo)
    stages = ("fit repeat", "sample repeat", "copies repeat", "train random", "predict random")
    assert told == [f"calibrating: {stage}" for stage in stages]
    assert not Path(values["out"]).exists()
    run(**values)
    done = plan(**values, calibrate=told.append)
    assert (done.seconds, done.bytes) == (0.0, 0.0)
    assert len(told) == 5  # nothing to do is nothing to time


def test_disk_is_told_by_what_is_there(values: dict[str, Any]) -> None:
    run(**{**values, "synthetic": [3], "fold": [0]})
    fits = next(item for item in plan(**values).items if item.kind == "fit")
    assert fits.bytes == pytest.approx(fits.there_bytes / fits.there * fits.todo)
    other = plan(**{**values, "out": values["out"].parent / "two"})
    assert next(item for item in other.items if item.kind == "fit").bytes is None


def test_a_trained_classifier_is_priced_by_steps_and_validated_images(values: dict[str, Any]) -> None:
    options = {"classifier": ["timm"], "generator": [], "synthetic": [0]}
    settings = {"timm": {"model": "test_resnet", "epochs": 5, "resolution": 32, "batch_size": 4}}
    found = plan(**{**values, **options, "set": settings}, calibrate=lambda text: None)
    [train] = [item for item in found.items if item.kind == "train"]
    assert (train.todo, train.steps, train.validated) == (3, 3 * 5 * 3, 3 * 5 * 12)
    assert train.seconds is not None and train.seconds > 0 and train.bytes is not None and train.bytes > 0


def test_a_calibration_needs_a_plan(values: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--classifier", "random", "--calibrate"])
    assert ended.value.code == 2
    assert "write --dry-run --calibrate" in capsys.readouterr().err
