"""Plugin configurations: defaults, then the preset's values, then the user's."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from pydantic import Field

from cytobench.config.options import (
    classifier_config,
    classifier_keys,
    classifier_title,
    generator_configs,
    generator_keys,
    plain_settings,
)
from cytobench.contract import ClassifierSpec, GeneratorSpec, PluginConfig, SampleConfig
from cytobench.errors import CytobenchError, UserError


class Fit(PluginConfig):
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"pocket": {"steps": 5, "size": 64}}

    steps: int = 400
    size: int = 512
    weights: str


class Sample(SampleConfig):
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"pocket": {"batch_size": 2}}

    guidance: float = 7.5


class Both(SampleConfig):
    steps: int = 1


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this module importable by name, as a plugin's is."""
    monkeypatch.setitem(sys.modules, "configured_here", sys.modules[__name__])


def generator(fit: str = "configured_here:Fit", sample: str = "configured_here:Sample") -> GeneratorSpec:
    return GeneratorSpec("gen", "", 1, 1, "x:X", fit, sample, "class")


def classifier(title: str = "", config: str = "configured_here:Fit") -> ClassifierSpec:
    return ClassifierSpec("cls", "", 1, 1, "x:X", config, title)


def test_the_user_wins_over_the_preset_and_the_preset_over_the_default() -> None:
    fit, sample = generator_configs(generator(), "pocket", {"weights": "w", "size": 32, "guidance": 2})
    assert fit == Fit(weights="w", steps=5, size=32)
    assert sample == Sample(batch_size=2, guidance=2.0)
    fit, sample = generator_configs(generator(), "paper", {"weights": "w"})
    assert fit == Fit(weights="w")
    assert sample == Sample()


def test_an_unknown_key_gets_the_nearest_of_either_configuration() -> None:
    for key, near in (("stps", "gen.steps"), ("guidence", "gen.guidance")):
        with pytest.raises(UserError) as refused:
            generator_configs(generator(), "paper", {"weights": "w", key: 1})
        assert f"set={{'gen': {{'{key}': ...}}}}: no such key. Did you mean {near}?" in str(refused.value)
        assert "batch_size, guidance, size, steps, weights" in str(refused.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "weights has no default and must be given"),
        ({"weights": "w", "steps": "many"}, "steps = 'many'"),
        ({"weights": 3}, "weights = 3"),
    ],
)
def test_a_wrong_value_names_plugin_key_and_value(values: dict[str, Any], words: str) -> None:
    for call in (
        lambda: generator_configs(generator(), "paper", values),
        lambda: classifier_config(classifier(), "paper", values),
    ):
        with pytest.raises(UserError) as refused:
            call()
        assert words in str(refused.value)
        assert "{'KEY': 'VALUE'}" in str(refused.value)


@pytest.mark.parametrize(
    "name", ["no_such_module_here:X", "configured_here:Absent", "builtins:int", "nonsense"]
)
def test_a_plugin_whose_configuration_cannot_be_had_is_named(name: str) -> None:
    with pytest.raises(CytobenchError, match="plugin cls: ") as failed:
        classifier_config(classifier(config=name), "paper", {})
    assert not isinstance(failed.value, UserError)
    assert name in str(failed.value)


def test_a_key_in_both_configurations_is_refused() -> None:
    with pytest.raises(CytobenchError, match="both have steps"):
        generator_configs(generator(sample="configured_here:Both"), "paper", {"weights": "w"})


def test_titles_are_made_from_settings() -> None:
    config = Fit(weights="w", size=64)
    assert classifier_title(classifier(), config) == "cls"
    assert classifier_title(classifier("cls:{size}"), config) == "cls:64"


class Grown(Fit):
    added: ClassVar[frozenset[str]] = frozenset({"depth", "taps", "start"})

    depth: int = 3
    taps: tuple[int, ...] = Field(default_factory=lambda: (1, 2))
    start: str | None = None


def test_a_field_that_came_later_is_silent_at_its_default_alone() -> None:
    before = Fit(weights="w").model_dump(mode="json")
    assert plain_settings(Grown(weights="w")) == before
    assert plain_settings(Grown(weights="w", depth=3, taps=(1, 2), start=None)) == before
    changed = {"depth": 4, "taps": [1], "start": "s"}
    assert plain_settings(Grown(weights="w", **changed)) == before | changed
    assert plain_settings(Grown(weights="w", steps=400, size=512)) == before


class Limited(Fit):
    immaterial: ClassVar[frozenset[str]] = frozenset({"seconds"})

    seconds: float = 60


def test_what_changes_nothing_is_no_setting_at_any_value() -> None:
    for seconds in (60, 5):
        assert plain_settings(Limited(weights="w", seconds=seconds)) == plain_settings(Fit(weights="w"))


def test_keys_are_those_that_can_be_set() -> None:
    assert classifier_keys(classifier()) == {"steps", "size", "weights"}
    assert generator_keys(generator()) == {"steps", "size", "weights", "batch_size", "guidance"}


def test_messages_call_a_variant_by_its_name() -> None:
    with pytest.raises(UserError, match=r"^set=.*: no such key\. Did you mean mine\.steps\? Keys of mine:"):
        classifier_config(classifier(), "paper", {"stps": 1}, "mine")
