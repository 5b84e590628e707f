"""For each rule of observers: one that breaks it alone is caught, and one that keeps all passes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cytobench.testing.checks import Result
from cytobench.testing.kinds import KINDS
from cytobench.testing.target import Target


def target(name: str) -> Target:
    return Target("observer", name.lower(), "tests", "1.0", {"value": f"sound_observers.{name}"})


BREAKERS = [
    ("nothing", "loads", "it observes nothing"),
    ("Missing", "loads", "raised ModuleNotFoundError"),
    ("Blind", "told", "told of a run with a finished and a failed trial: raised KeyError: 'test'"),
    ("Pops", "unchanged", "cytobench_trial_finished changed its argument record"),
    ("Rewrites", "unchanged", "changed what the run had left in the results folder: benchmark.toml"),
    ("SeedsPython", "global-state", "random.getstate()"),
    ("WritesHome", "own-folder", "home/runs.log"),
    ("LeavesThread", "nothing-running", "thread uploader"),
]


@pytest.mark.parametrize(("name", "rule", "detail"), BREAKERS, ids=[f"{rule}-{name}" for name, rule, _ in BREAKERS])
def test_an_observer_that_breaks_one_rule_fails_that_check_alone(
    breaks: Callable[[Target, str, str], None], name: str, rule: str, detail: str
) -> None:
    breaks(target(name), rule, detail)


def test_every_rule_has_an_observer_that_breaks_it() -> None:
    assert {rule for _, rule, _ in BREAKERS} == {check.name for check in KINDS["observer"].checks}


def test_an_observer_that_keeps_every_rule_passes(check: Callable[[Target], dict[str, Result]]) -> None:
    assert {result.status for result in check(target("Sound")).values()} == {"passed"}
