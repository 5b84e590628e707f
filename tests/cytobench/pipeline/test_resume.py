"""What a results folder holds to: every setting, but for those that are named as free to grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cytobench.config.benchmark import Analysis, Benchmark, PromptPair, Variant
from cytobench.errors import UserError
from cytobench.pipeline.resume import BENCHMARK_FILE, FREE_TO_GROW, refuse_other_settings

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
        refuse_other_settings(tmp_path, changed, "at random")
    else:
        with pytest.raises(UserError, match=f"holds a run with other settings: {name} differ"):
            refuse_other_settings(tmp_path, changed, "at random")


@pytest.mark.parametrize(("name", "differs"), [("set", "repeat.batch_size"), ("variants", "variants.repeat.plugin")])
def test_settings_of_a_plugin_that_was_there_are_held_to(name: str, differs: str, tmp_path: Path) -> None:
    (tmp_path / BENCHMARK_FILE).write_text(RUN.to_toml())
    with pytest.raises(UserError, match=differs):
        refuse_other_settings(tmp_path, RUN.model_copy(update={name: APART[name]}), "at random")


def test_settings_of_a_plugin_that_comes_later_are_free(tmp_path: Path) -> None:
    (tmp_path / BENCHMARK_FILE).write_text(RUN.to_toml())
    later = RUN.model_copy(update={"set": {**RUN.set, "clip": {"epochs": 3}}})
    refuse_other_settings(tmp_path, later, "at random")
