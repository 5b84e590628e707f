"""docs/conformance.md has every check with its rule, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from cytobench.testing.kinds import KINDS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "conformance.md").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_is_documented_with_its_rule(kind: str) -> None:
    missing = [check.name for check in KINDS[kind].checks if f"| `{check.name}` | {check.rule} |" not in DOCUMENT]
    assert missing == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_checks_of_a_kind_have_one_name_and_what_they_need_comes_before(kind: str) -> None:
    names = [check.name for check in KINDS[kind].checks]
    assert len(set(names)) == len(names)
    for check in KINDS[kind].checks:
        assert set(check.needs) <= set(names[: names.index(check.name)])
