"""For each rule of extractors: one that breaks it alone is caught, and one that keeps all passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from cytobench.contract import CONTRACT, ExtractorSpec
from cytobench.testing.checks import Result
from cytobench.testing.kinds import KINDS
from cytobench.testing.session import Session
from cytobench.testing.target import Target


def target(factory: str = "Sound", **spec: Any) -> Target:
    fields: dict[str, Any] = {
        "name": factory.lower(),
        "summary": "for tests",
        "contract": CONTRACT,
        "revision": 1,
        "factory": f"sound_extractor:{factory}",
        "config": "sound_extractor:Config",
    }
    offered = asdict(ExtractorSpec(**{**fields, **spec}))
    return Target("extractor", offered["name"], "tests", "1.0", offered)


BREAKERS = [
    ("NoOpen", {}, "loads", "has no method open"),
    ("Sound", {"config": "sound_generator:Thawed", "name": "thawed"}, "options-round-trip", "keep can be set"),
    ("Sound", {"config": "sound_generator:TakesUnknown", "name": "unknown"}, "options-nonsense", "no_such_option"),
    ("Doubles", {}, "features", "features are float64 (12, 6); they must be float32 (12, d)"),
    ("NotANumber", {}, "features", "features are not all finite"),
    ("SaysNothing", {}, "features", "ran is None"),
    ("OneSize", {}, "sizes", "raised ValueError: all input arrays must have the same shape"),
    ("Constant", {}, "apart", "11 of 12 images have the features of another one"),
    ("Unseeded", {}, "same-seed", "opened twice: features differ by up to"),
    ("Whitened", {}, "batch", "alone instead of among 12"),
    ("Reads", {}, "words", "under other labels and prompts features differ by up to"),
    ("ByProcess", {}, "other-process", "the features are others in another process"),
    ("SeedsNumpy", {}, "global-state", "numpy.random.get_state()"),
    ("WritesHere", {}, "own-folder", "cwd/features.npy"),
    ("Phones", {}, "network", "asked the network for weights.invalid"),
    ("LeavesThread", {}, "nothing-running", "thread loader"),
]


@pytest.mark.parametrize(
    ("factory", "spec", "rule", "detail"), BREAKERS, ids=[f"{rule}-{factory}" for factory, _, rule, _ in BREAKERS]
)
def test_an_extractor_that_breaks_one_rule_fails_that_check_alone(
    breaks: Callable[[Target, str, str], None], factory: str, spec: dict[str, Any], rule: str, detail: str
) -> None:
    breaks(target(factory, **spec), rule, detail)


def test_every_rule_but_those_of_records_and_devices_has_an_extractor_that_breaks_it() -> None:
    broken = {rule for _, _, rule, _ in BREAKERS}
    assert broken | {"device-memory", "revision"} == {check.name for check in KINDS["extractor"].checks}


def test_an_extractor_that_keeps_every_rule_passes(check: Callable[[Target], dict[str, Result]]) -> None:
    results = check(target())
    assert {name for name, result in results.items() if result.status != "passed"} == {"device-memory", "revision"}


def test_changed_outputs_under_the_same_revision_are_warned_about(session: Session) -> None:
    session.result(target(), "revision")
    changed = session.result(target("Constant", name="sound"), "revision")
    assert (changed.status, "the revision is still 1" in changed.detail) == ("warned", True), changed
