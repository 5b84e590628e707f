"""How messages name what the user gave: options on the command line, parameters in Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from cytobench.errors import is_on_the_command_line, on_the_command_line, option, setting


@pytest.mark.parametrize(
    ("parameter", "value", "command_line", "python"),
    [
        ("train_only", None, "--train-only", "train_only"),
        ("shots", 0, "--shots 0", "shots=0"),
        ("quiet", True, "--quiet", "quiet=True"),
        ("select", "best", "--select best", "select='best'"),
        ("out", Path("results/x"), "--out results/x", "out='results/x'"),
        ("prompts_file", Path("p.toml"), "--prompts p.toml", "prompts_file='p.toml'"),
    ],
)
def test_a_parameter_and_its_option(parameter: str, value: object, command_line: str, python: str) -> None:
    assert option(parameter, value) == python
    with on_the_command_line():
        assert option(parameter, value) == command_line


@pytest.mark.parametrize(
    ("value", "command_line", "python"),
    [
        (None, "--set clip.rank", "set={'clip': {'rank': ...}}"),
        (4, "--set clip.rank=4", "set={'clip': {'rank': 4}}"),
        ("PATH", "--set clip.rank=PATH", "set={'clip': {'rank': 'PATH'}}"),
    ],
)
def test_a_setting_of_a_plugin(value: object, command_line: str, python: str) -> None:
    assert setting("clip", "rank", value) == python
    with on_the_command_line():
        assert setting("clip", "rank", value) == command_line


def test_it_ends_with_the_command() -> None:
    with on_the_command_line():
        with on_the_command_line(False):
            assert not is_on_the_command_line()
        assert is_on_the_command_line()
    assert not is_on_the_command_line()
