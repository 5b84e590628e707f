"""Roles of generators and classifiers in records, those of before specs had roles among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cytobench.analysis.leaderboard.ranking import rows_of
from cytobench.storage.records import Record


@pytest.mark.parametrize(
    ("generator", "distribution", "role", "images_are"),
    [
        ("repeat", "cytobench", "control", "copies of the shots"),
        ("oracle", "cytobench", "oracle", ""),
        ("sd21-lora", "cytobench", "candidate", ""),
        ("repeat", "cytobench-stranger", "candidate", ""),
    ],
)
def test_a_record_without_roles_has_those_that_its_plugins_had(
    make_values: Callable[..., dict[str, Any]], generator: str, distribution: str, role: str, images_are: str
) -> None:
    values = make_values(0, generator, "random")
    values["generator"]["distribution"] = distribution
    record = Record.model_validate(values)
    assert record.generator is not None
    assert (record.generator.role, record.generator.images_are) == (role, images_are)
    assert record.classifier.role == "control"
    assert record.gives_back_shots == (role == "control")


def test_a_role_on_record_stays(make_values: Callable[..., dict[str, Any]]) -> None:
    values = make_values(0, "repeat")
    values["generator"]["role"] = "candidate"
    record = Record.model_validate(values)
    assert record.generator is not None and record.generator.role == "candidate"


def test_a_role_that_came_later_parts_no_row(make_values: Callable[..., dict[str, Any]]) -> None:
    before, after = make_values(0, "mixer"), make_values(1, "mixer")
    after["generator"] |= {"role": "control", "images_are": "mixed shots"}
    assert len(rows_of([Record.model_validate(values) for values in (before, after)])) == 1
