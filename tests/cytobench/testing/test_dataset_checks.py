"""For each rule of data sets: one that breaks it alone is caught, and one that keeps all passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from cytobench.contract import CONTRACT, DatasetSpec
from cytobench.testing.checks import Result
from cytobench.testing.kinds import KINDS
from cytobench.testing.session import Session
from cytobench.testing.target import Target


def target(factory: str = "sound", **spec: Any) -> Target:
    fields: dict[str, Any] = {
        "name": factory.replace("_", "-"),
        "summary": "for tests",
        "contract": CONTRACT,
        "revision": 1,
        "factory": f"sound_dataset:{factory}",
        "public": True,
    }
    offered = asdict(DatasetSpec(**{**fields, **spec}))
    return Target("dataset", offered["name"], "tests", "1.0", offered)


BREAKERS = [
    ("sound", {"name": "odd-preset", "preset": "huge"}, "loads", "preset is 'huge'; known: paper, pocket"),
    ("sound", {"name": "odd-counts", "synthetic": (-1,)}, "loads", "synthetic is (-1,)"),
    ("no_dataset", {}, "opens", "returned a list, which is no Dataset"),
    ("empty", {}, "opens", "it has no image"),
    ("unsorted", {}, "table", "not sorted by label, then path"),
    ("class_without_image", {}, "table", "labels without an image, or unknown: ['BAS']"),
    ("no_quality", {}, "table", "the table has the columns"),
    ("one_code_twice", {}, "names", "two classes have one code"),
    ("prompt_of_nothing", {}, "names", "codes or prompts of what is no class: BAS"),
    ("wrong_digest", {}, "images", "is not that of its pixels"),
    ("outside", {}, "images", "is not inside the root"),
    ("drawn_anew", {}, "again", "it writes anew: datasets/drawn_anew/EOS/0.png"),
    ("unseeded", {}, "other-process", "another data set in another process and folder"),
    ("seeds_python", {}, "global-state", "random.getstate()"),
    ("writes_here", {}, "own-folder", "cwd/notes.txt"),
    ("phones", {}, "network", "asked the network for cells.invalid"),
    ("leaves_thread", {}, "nothing-running", "thread drawing"),
]


@pytest.mark.parametrize(
    ("factory", "spec", "rule", "detail"), BREAKERS, ids=[f"{rule}-{factory}" for factory, _, rule, _ in BREAKERS]
)
def test_a_data_set_that_breaks_one_rule_fails_that_check_alone(
    breaks: Callable[[Target, str, str], None], factory: str, spec: dict[str, Any], rule: str, detail: str
) -> None:
    breaks(target(factory, **spec), rule, detail)


def test_every_rule_but_that_of_records_has_a_data_set_that_breaks_it() -> None:
    broken = {rule for _, _, rule, _ in BREAKERS}
    assert broken | {"revision"} == {check.name for check in KINDS["dataset"].checks}


def test_a_data_set_that_keeps_every_rule_passes(check: Callable[[Target], dict[str, Result]]) -> None:
    results = check(target())
    assert {name for name, result in results.items() if result.status != "passed"} == {"revision"}


def test_changed_outputs_under_the_same_revision_are_warned_about(session: Session) -> None:
    session.result(target(), "revision")
    changed = session.result(target("other_pixels", name="sound"), "revision")
    assert (changed.status, "the revision is still 1" in changed.detail) == ("warned", True), changed
