"""For each rule of classifiers: one that breaks it alone is caught, and one that keeps all passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from cytobench.contract import CONTRACT, ClassifierSpec
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
        "factory": f"sound_classifier:{factory}",
        "config": "sound_classifier:Config",
    }
    offered = asdict(ClassifierSpec(**{**fields, **spec}))
    return Target("classifier", offered["name"], "tests", "1.0", offered)


BREAKERS = [
    ("NoOpen", {}, "loads", "has no method open"),
    ("Sound", {"title": "sound {no_such_option}"}, "loads", "raised KeyError: 'no_such_option'"),
    ("Sound", {"config": "sound_generator:Thawed", "name": "thawed"}, "options-round-trip", "keep can be set"),
    ("Sound", {"config": "sound_generator:TakesUnknown", "name": "unknown"}, "options-nonsense", "no_such_option"),
    ("ReturnsNothing", {}, "trains", "fit returned a NoneType"),
    ("CheckpointElsewhere", {}, "trains", "outside ctx.out"),
    ("NoLast", {}, "trains", "the checkpoint last is last.json, which is not there"),
    ("CurvesOfText", {}, "trains", "the training curves are not all numbers"),
    ("SaysNothing", {}, "trains", "ran is 'something'"),
    ("Doubles", {}, "probabilities", "probabilities are float64 (60, 3); they must be float32 (60, 3)"),
    ("NotANumber", {}, "probabilities", "not all finite"),
    ("Logits", {}, "probabilities", "a probability is -"),
    ("Unnormalised", {}, "probabilities", "sum to 1.1"),
    ("Undecided", {}, "learns", "accuracy 0.333 on 60 toy images; 0.95 is wanted"),
    ("Alphabetical", {}, "columns", "the columns are in alphabetical order"),
    ("SeenClasses", {}, "few-classes", "float32 (40, 2); they must be float32 (40, 3)"),
    ("NeedsSpread", {}, "one-image", "raised ValueError: a spread needs two images a class"),
    ("Unseeded", {}, "same-seed", "trained twice with one seed: probabilities differ by up to"),
    ("InMemory", {}, "other-process", "KeyError"),
    ("BatchTemperature", {}, "batch", "predicted alone instead of among 60"),
    ("Peeks", {}, "test-images", "fit read 20 of 60 test images: disc/028.png"),
    ("SeedsNumpy", {}, "global-state", "numpy.random.get_state()"),
    ("DrawsFromPython", {}, "global-state", "random.getstate()"),
    ("WritesHere", {}, "own-folder", "cwd/predictions.log"),
    ("Phones", {}, "network", "asked the network for weights.invalid"),
    ("LeavesThread", {}, "nothing-running", "thread loader"),
]


@pytest.mark.parametrize(
    ("factory", "spec", "rule", "detail"), BREAKERS, ids=[f"{rule}-{factory}" for factory, _, rule, _ in BREAKERS]
)
def test_a_classifier_that_breaks_one_rule_fails_that_check_alone(
    breaks: Callable[[Target, str, str], None], factory: str, spec: dict[str, Any], rule: str, detail: str
) -> None:
    breaks(target(factory, **spec), rule, detail)


def test_every_rule_but_those_of_records_and_devices_has_a_classifier_that_breaks_it() -> None:
    broken = {rule for _, _, rule, _ in BREAKERS}
    assert broken | {"device-memory", "revision"} == {check.name for check in KINDS["classifier"].checks}


def test_a_classifier_that_keeps_every_rule_passes(check: Callable[[Target], dict[str, Result]]) -> None:
    results = check(target())
    assert {name: result.detail for name, result in results.items() if result.status != "passed"} == {
        "device-memory": "on a CPU; checked with device='cuda'",
        "revision": "no outputs of revision 1 were on record for this machine; they are now",
    }


def test_a_classifier_that_says_it_guesses_need_not_learn(check: Callable[[Target], dict[str, Result]]) -> None:
    results = check(target("Undecided", name="guesser", learns=False))
    left_out = {name for name, result in results.items() if "learns is false" in result.detail}
    assert left_out == {"learns", "columns", "batch"}
    assert not [name for name, result in results.items() if result.status == "failed"]


def test_changed_outputs_under_the_same_revision_are_warned_about(session: Session) -> None:
    session.result(target(), "revision")
    changed = session.result(target("Undecided", name="sound"), "revision")
    assert (changed.status, "the revision is still 1" in changed.detail) == ("warned", True), changed
