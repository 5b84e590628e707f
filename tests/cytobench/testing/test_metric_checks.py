"""For each rule of metrics: one that breaks it alone is caught, and those that keep all pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from cytobench.contract import CONTRACT, MetricSpec
from cytobench.testing.checks import Result
from cytobench.testing.kinds import KINDS
from cytobench.testing.session import Session
from cytobench.testing.target import Target


def target(function: str = "sound", **spec: Any) -> Target:
    fields: dict[str, Any] = {
        "name": function,
        "summary": "for tests",
        "contract": CONTRACT,
        "revision": 1,
        "factory": f"sound_metric:{function}",
        "range": (0, 1),
    }
    offered = asdict(MetricSpec(**{**fields, **spec}))
    return Target("metric", offered["name"], "tests", "1.0", offered)


BRIER = {"range": (0, 2), "higher_is_better": False, "needs_probabilities": True}
BREAKERS: list[tuple[str, dict[str, Any], str, str]] = [
    ("nothing", {}, "loads", "sound_metric:nothing is no function"),
    ("sound", {"range": (1, 0), "name": "turned-range"}, "loads", "the spec's range is 1 to 0"),
    ("per_cent", {}, "value", "the range that its spec declares is 0 to 1"),
    ("text", {}, "value", "it gave 'good'; it must give one number, or None"),
    ("shy", {}, "value", "it gave no value for predictions of three classes"),
    ("needs_an_array", {}, "value", "raised AxisError"),
    ("hits", {}, "value", "it must give one number, or None"),
    ("sound", {"of_one_class": True, "name": "of-one"}, "value", "it must give 3 numbers, one a class"),
    ("restless", {}, "again", "of the same predictions it gave"),
    ("first", {}, "order", "with the images in another order it gave"),
    ("error", {}, "direction", "but its spec says that higher is better"),
    ("brier", {**BRIER, "higher_is_better": True, "name": "turned"}, "direction", "but its spec says that higher"),
    ("least", {}, "few-classes", "raised ZeroDivisionError"),
    ("of_all", {}, "few-classes", "which is not finite"),
    ("needs_an_array", {"needs_probabilities": True, "name": "needless"}, "probabilities", "it needs none"),
    ("writes", {}, "inputs", "it changes the predictions that it is given"),
    ("by_process", {}, "other-process", "the value is another one in another process"),
    ("seeds_numpy", {}, "global-state", "numpy.random.get_state()"),
    ("writes_here", {}, "own-folder", "cwd/metric.npy"),
    ("phones", {}, "network", "asked the network for metrics.invalid"),
    ("leaves_thread", {}, "nothing-running", "thread counter"),
]


@pytest.mark.parametrize(
    ("function", "spec", "rule", "detail"), BREAKERS, ids=[f"{rule}-{name}" for name, _, rule, _ in BREAKERS]
)
def test_a_metric_that_breaks_one_rule_fails_that_check_alone(
    breaks: Callable[[Target, str, str], None], function: str, spec: dict[str, Any], rule: str, detail: str
) -> None:
    breaks(target(function, **spec), rule, detail)


def test_every_rule_but_that_of_records_has_a_metric_that_breaks_it() -> None:
    broken = {rule for _, _, rule, _ in BREAKERS}
    assert broken | {"revision"} == {check.name for check in KINDS["metric"].checks}


@pytest.mark.parametrize(
    ("function", "spec", "left_out"),
    [
        ("sound", {}, {"probabilities"}),
        ("error", {"higher_is_better": False, "name": "sound-error"}, {"probabilities"}),
        ("brier", BRIER, set()),
        ("hits", {"of_one_class": True, "name": "sound-hits"}, {"probabilities"}),
    ],
)
def test_a_metric_that_keeps_every_rule_passes(
    check: Callable[[Target], dict[str, Result]], function: str, spec: dict[str, Any], left_out: set[str]
) -> None:
    results = check(target(function, **spec))
    assert {name for name, result in results.items() if result.status != "passed"} == {"revision", *left_out}


def test_changed_values_under_the_same_revision_are_warned_about(session: Session) -> None:
    session.result(target(name="mine"), "revision")
    changed = session.result(target("error", name="mine", higher_is_better=False), "revision")
    assert (changed.status, "the revision is still 1" in changed.detail) == ("warned", True), changed
