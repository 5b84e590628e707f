"""docs/plugins/tutorial.md as it is printed: each file written, each command run, each output compared."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from layered import Layered

TUTORIAL = (Path(__file__).parents[4] / "docs" / "plugins" / "tutorial.md").read_text()
SAME = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_what_the_tutorial_prints_is_what_happens(environment: Layered, tmp_path: Path) -> None:
    from walkthrough import Done, walk

    commands, lines = [], 0
    for step in walk(TUTORIAL, environment, tmp_path):
        if not isinstance(step, Done):
            lines += step.lines
            continue
        commands.append(step.command.line.split()[0:2])
        assert step.code == 0, f"{step.command.line}\n{step.stdout}\n{step.stderr}"
        same = doctest.OutputChecker().check_output(step.command.output, step.stdout, SAME)
        assert same, f"$ {step.command.line}\nprinted:\n{step.command.output}\ncame out:\n{step.stdout}"
    assert [command[0] for command in commands] == [
        *("cytobench", "pip", "pytest", "cytobench", "cytobench", "cytobench", "cytobench", "ls")
    ]
    assert 0 < lines < 40
    images = list((tmp_path / "cytobench-turned" / "images" / "Eosinophil").glob("*.png"))
    assert len({image.read_bytes() for image in images}) == 4


def test_a_command_that_is_left_out_would_be_missed(benchmarks_path: None) -> None:
    from walkthrough import Command, File, steps

    commands = "```console\n$ first\nout\n$ second\n```\n"
    text = f"Words.\n\n{commands}\n`a/b.py`:\n\n```python\nx = 1\n```\n\n```python\nno file\n```\n"
    assert list(steps(text)) == [Command("first", "out\n"), Command("second", ""), File("a/b.py", "x = 1\n")]
    printed = [line for line in TUTORIAL.splitlines() if line.startswith("$ ")]
    lines = [step.line for step in steps(TUTORIAL) if isinstance(step, Command)]
    assert lines == [line.removeprefix("$ ") for line in printed]


@pytest.mark.parametrize("output", ["other\n", "a row\n"])
def test_other_outputs_are_seen(output: str) -> None:
    assert not doctest.OutputChecker().check_output("a row\n...\nits end\n", output, SAME)
