"""For each rule of generators: one that breaks it alone is caught, and one that keeps all passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from cytobench.contract import CONTRACT, GeneratorSpec
from cytobench.testing.checks import Result
from cytobench.testing.kinds import KINDS
from cytobench.testing.target import Target

Judge = Callable[[Target, str, str], None]
Check = Callable[[Target], dict[str, Result]]


def target(factory: str = "Sound", values: dict[str, Any] | None = None, device: str = "cpu", **spec: Any) -> Target:
    fields: dict[str, Any] = {
        "name": factory.lower(),
        "summary": "for tests",
        "contract": CONTRACT,
        "revision": 1,
        "factory": f"sound_generator:{factory}",
        "fit_config": "sound_generator:FitConfig",
        "sample_config": "sound_generator:Sampling",
        "scope": "class",
    }
    offered = asdict(GeneratorSpec(**{**fields, **spec}))
    return Target("generator", offered["name"], "tests", "1.0", offered, "pocket", values or {}, device)


def config(name: str) -> dict[str, Any]:
    return {"fit_config": f"sound_generator:{name}", "name": name.lower()}


BREAKERS = [
    ("NoOpen", {}, "loads", "has no method open"),
    ("RaisesWhenMade", {}, "loads", "raised RuntimeError: no luck today (sound_generator.py:"),
    ("Missing", {}, "loads", "has no attribute 'Missing'"),
    ("Sound", config("Growing"), "options-round-trip", "came back from TOML as"),
    ("Sound", config("Thawed"), "options-round-trip", "Thawed.keep can be set"),
    ("Sound", config("BadPreset"), "options-round-trip", "keep = 0"),
    ("Sound", config("TakesUnknown"), "options-nonsense", "takes the unknown option no_such_option"),
    ("Sound", config("TakesAnything"), "options-nonsense", "TakesAnything.mood takes anything"),
    ("Sound", config("TakesInfinity"), "options-nonsense", "TakesInfinity.rate takes"),
    ("OneShort", {}, "images", "asked for images [0, 1, 2, 3] of disc, got [1, 2, 3]"),
    ("Doubled", {}, "images", "got [0, 0, 1, 1, 2, 2, 3, 3]"),
    ("Floats", {}, "images", "an image is float64 (16, 16, 3)"),
    ("WithAlpha", {}, "images", "an image is uint8 (16, 16, 4)"),
    ("OtherSize", {}, "images", "ran says a resolution of 64 px"),
    ("SaysNothing", {}, "images", "ran is None"),
    ("NeedsTwo", {}, "shots", "with 1 shots: raised ValueError: a covariance needs two shots"),
    ("Blind", {}, "other-shots", "the 4 images are the same after a fit on other shots"),
    ("UnseededFit", {}, "same-seed", "fitted and sampled twice with one seed: image 0 of disc differs by"),
    ("ByIndex", {}, "other-seed", "images 0, 1, 2, 3 of disc are the same with another seed"),
    ("Carried", {}, "count", "blocks made alone or in another sequence"),
    ("Ascending", {}, "order", "asked for in another order: image 0 of disc differs by 9"),
    ("BatchNormed", {}, "batch", "in batches of 1 and 3 instead of 4: image 0 of disc differs by 15"),
    ("Hashed", {}, "other-process", "images 0, 1, 2, 3 of disc are others in another process"),
    ("Remembers", {}, "other-process", "FileNotFoundError"),
    ("GoesOnByItself", {}, "resumes", "after a stop midway: image 0 of disc differs by 9"),
    ("SeedsPython", {}, "global-state", "random.getstate()"),
    ("SeedsNumpy", {}, "global-state", "numpy.random.get_state()"),
    ("SeedsTorch", {}, "global-state", "torch.get_rng_state()"),
    ("SetsDtype", {}, "global-state", "torch.get_default_dtype()"),
    ("WritesHere", {}, "own-folder", "cwd/loss.txt"),
    ("KeepsACache", {}, "own-folder", "home/.cache/sound"),
    ("WritesToArtefact", {}, "own-folder", "opened.txt"),
    ("LeavesTemporary", {}, "own-folder", "/tmp/"),
    ("CompiledCode", {}, "own-folder", "cwd/written.txt"),
    ("Phones", {}, "network", "asked the network for weights.invalid"),
    ("LeavesThread", {}, "nothing-running", "thread loader"),
    ("LeavesProcess", {}, "nothing-running", "time.sleep(60)"),
]


@pytest.mark.parametrize(
    ("factory", "spec", "rule", "detail"), BREAKERS, ids=[f"{rule}-{factory}" for factory, _, rule, _ in BREAKERS]
)
def test_a_generator_that_breaks_one_rule_fails_that_check_alone(
    breaks: Judge, factory: str, spec: dict[str, Any], rule: str, detail: str
) -> None:
    breaks(target(factory, **spec), rule, detail)


def test_every_rule_but_those_of_records_and_devices_has_a_generator_that_breaks_it() -> None:
    broken = {rule for _, _, rule, _ in BREAKERS}
    assert broken | {"device-memory", "revision"} == {check.name for check in KINDS["generator"].checks}


@pytest.mark.parametrize("factory", ["Sound", "Rounding", "StopsInside", "TidyTemporary", "Prints"])
def test_a_generator_that_keeps_every_rule_passes(check: Check, factory: str) -> None:
    results = check(target(factory))
    assert {name: result.detail for name, result in results.items() if result.status != "passed"} == {
        "device-memory": "on a CPU; checked with device='cuda'",
        "revision": "no outputs of revision 1 were on record for this machine; they are now",
    }
