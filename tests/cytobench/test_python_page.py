"""docs/python.md as it is printed: each example run, each answer compared."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import cytobench

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text()


def test_the_examples_do_what_they_print(cells: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cells.parent)
    examples = "\n".join(re.findall(r"```pycon\n(.*?)```", PAGE, flags=re.DOTALL))
    test = doctest.DocTestParser().get_doctest(examples, {}, "docs/python.md", None, 0)
    assert len(test.examples) == PAGE.count(">>> ") > 10
    said: list[str] = []
    failed, _ = doctest.DocTestRunner().run(test, out=said.append)
    assert not failed, "".join(said)


def test_every_function_is_on_the_page() -> None:
    listed = re.findall(r"^\| `(\w+)\(", PAGE, flags=re.MULTILINE)
    errors = [name for name in cytobench.__all__ if name.endswith("Error")]
    assert sorted([*listed, *errors]) == sorted(cytobench.__all__)
    assert all(f"cytobench.{name}" in PAGE for name in errors)
