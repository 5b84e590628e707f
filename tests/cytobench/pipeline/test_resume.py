"""What a results folder holds to: every setting, but for those that are named as free to grow."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cytobench.api import RunResult, plan
from cytobench.config.benchmark import Analysis, Benchmark, PromptPair, Variant
from cytobench.errors import UserError
from cytobench.pipeline.resume import (
    BENCHMARK_FILE,
    FREE_TO_GROW,
    Contents,
    recorded_benchmark,
    refuse_other_settings,
)

from ..noise import noise

Run = Callable[..., RunResult]

RUN = Benchmark(
    dataset="cells",
    preset="pocket",
    generator=("repeat",),
    classifier=("random",),
    synthetic=(0, 20),
    fold=(0,),
    device="cpu",
    set={"repeat": {"batch_size": 8}, "random": {}},
)
CONTENTS = Contents(("", "d" * 64), None, "random")
OTHERS: dict[str, Any] = {
    "dataset": "other",
    "protocol": "cytodiff",
    "preset": "paper",
    "generator": ("repeat", "folder"),
    "classifier": ("random", "clip"),
    "extractor": ("lite0",),
    "synthetic": (0, 20, 40),
    "shots": (16, 32),
    "select": "sharpest",
    "folds": 6,
    "fold": (0, 1),
    "seed": 43,
    "repeats": 2,
    "limit": 5,
    "train_only": ("EOS",),
    "trained_on": "external",
    "merge": ("A,B=C",),
    "external_test": "elsewhere",
    "device": "cuda",
    "workers": 3,
    "prompts": {"EOS": PromptPair(generator="an eosinophil")},
    "presets": None,
}
APART: dict[str, Any] = {
    "set": {"repeat": {"batch_size": 4}, "random": {}},
    "variants": {"repeat": Variant(plugin="folder")},
    "analysis": Analysis(metric="accuracy"),
}


def test_every_setting_is_asked_about_here() -> None:
    assert set(Benchmark.model_fields) == {*OTHERS, *APART}
    assert set(Benchmark.model_fields) >= FREE_TO_GROW


@pytest.mark.parametrize("name", [name for name in OTHERS if name != "presets"])
def test_a_results_folder_holds_to_all_settings_but_those_that_may_grow(name: str, tmp_path: Path) -> None:
    (tmp_path / BENCHMARK_FILE).write_text(RUN.to_toml())
    changed = RUN.model_copy(update={name: OTHERS[name]})
    if name in FREE_TO_GROW:
        refuse_other_settings(tmp_path, changed, CONTENTS)
    else:
        with pytest.raises(UserError, match=f"holds a run with other settings: {name} differ"):
            refuse_other_settings(tmp_path, changed, CONTENTS)


@pytest.mark.parametrize(("name", "differs"), [("set", "repeat.batch_size"), ("variants", "variants.repeat.plugin")])
def test_settings_of_a_plugin_that_was_there_are_held_to(name: str, differs: str, tmp_path: Path) -> None:
    (tmp_path / BENCHMARK_FILE).write_text(RUN.to_toml())
    with pytest.raises(UserError, match=differs):
        refuse_other_settings(tmp_path, RUN.model_copy(update={name: APART[name]}), CONTENTS)


def test_settings_of_a_plugin_that_comes_later_are_free(tmp_path: Path) -> None:
    (tmp_path / BENCHMARK_FILE).write_text(RUN.to_toml())
    later = RUN.model_copy(update={"set": {**RUN.set, "clip": {"epochs": 3}}})
    refuse_other_settings(tmp_path, later, CONTENTS)


def go_on(small: Run, dataset: object, **changes: Any) -> tuple[int, int]:
    """Trials done and found done by a run on the data set as it is called here."""
    outcome = small(dataset=dataset, generator=(), synthetic=[0], **changes).outcome
    return len(outcome.done), len(outcome.reused)


@pytest.mark.parametrize("called", ["cells", "cells/", "./cells", "sub/../cells", "link", "moved", "renamed"])
def test_a_results_folder_goes_on_with_the_same_images_however_they_are_called(
    called: str, small: Run, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert go_on(small, cells) == (3, 0)
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("link").symlink_to(cells)
    if called == "moved":
        called = "sub/cells"
        cells.rename(called)
    if called == "renamed":
        cells.rename(called)
    assert go_on(small, called) == (0, 3)
    kept = recorded_benchmark(tmp_path / "out")
    assert kept is not None and kept.dataset == called
    assert plan(str(tmp_path / "out" / BENCHMARK_FILE), out=tmp_path / "out").done == 3


@pytest.mark.parametrize("change", ["an image less", "another image", "another label"])
def test_other_images_under_another_name_are_refused(change: str, small: Run, cells: Path, tmp_path: Path) -> None:
    go_on(small, cells)
    other = shutil.copytree(cells, tmp_path / "other")
    if change == "an image less":
        (other / "A" / "00.png").unlink()
    elif change == "another image":
        noise(other / "A" / "00.png", 99)
    else:
        (other / "A").rename(other / "D")
    with pytest.raises(UserError, match="other settings: dataset"):
        go_on(small, other)


def test_an_outside_test_set_and_a_list_of_shots_may_move_too(small: Run, cells: Path, tmp_path: Path) -> None:
    for label in "AB":
        noise(tmp_path / "outside" / label / "0.png", 70 + ord(label))
    (tmp_path / "best.txt").write_text("".join(f"{label}/{i:02}.png\n" for label in "ABC" for i in range(12)))
    names = {"external_test": str(tmp_path / "outside"), "select": str(tmp_path / "best.txt")}
    assert go_on(small, cells, **names) == (3, 0)
    for name, place in names.items():
        Path(place).rename(f"{place}-moved")
        assert go_on(small, cells, **{**names, name: f"{place}-moved"}) == (0, 3)
        Path(f"{place}-moved").rename(place)
        assert go_on(small, cells, **names) == (0, 3)
    noise(tmp_path / "elsewhere" / "A" / "0.png", 107)
    noise(tmp_path / "elsewhere" / "B" / "0.png", 108)
    with pytest.raises(UserError, match="other settings: external_test differ"):
        go_on(small, cells, **{**names, "external_test": str(tmp_path / "elsewhere")})


def test_a_folder_of_a_plugin_may_be_spelled_otherwise(
    small: Run, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {"generator": ["folder"], "synthetic": [1], "trained_on": "external"}
    made = shutil.copytree(cells, tmp_path / "made")
    assert len(small(**given, set={"folder": {"path": str(made)}}).outcome.done) == 3
    monkeypatch.chdir(tmp_path)
    assert len(small(**given, set={"folder": {"path": "./made/"}}).outcome.reused) == 3
