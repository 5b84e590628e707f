"""The core names what a user gave by ``cytobench.errors.option``: a caller in Python gets no advice for a shell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import cytobench

CORE = Path(cytobench.__file__).parent

ALLOWED = (
    "errors.py",  # the mechanism itself
    "cli/",  # whoever reads it is on the command line
    "analysis/leaderboard/model.py",  # the title of a section, the same wherever it is read
    "pipeline/environment.py",  # options of git
    "plugins/scaffold/kinds.py",  # parts of commands for whoever writes a plugin
)
"""Files and folders that may write options as they are."""

COMMAND = re.compile(r"`cytobench [^`]*`|^(cytobench|pip) .*")
"""A whole command for whoever reads it may have its options."""
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and the text of each literal that is no docstring; what an f-string puts in is ``{}``."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in joined for part in node.values}
    for node in joined:
        constants = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
        yield node.lineno, "".join(map(str, constants))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | parts:
            yield node.lineno, node.value


def found(source: str) -> list[str]:
    """The options that a module's texts name."""
    return [
        f"line {line}: {option}"
        for line, text in texts(ast.parse(source))
        for option in OPTION.findall(COMMAND.sub("", text))
    ]


def modules() -> dict[str, Path]:
    return {file.relative_to(CORE).as_posix(): file for file in sorted(CORE.rglob("*.py"))}


def test_the_core_writes_no_option() -> None:
    named = {
        name: options
        for name, file in modules().items()
        if not name.startswith(ALLOWED) and (options := found(file.read_text()))
    }
    assert not named, "name parameters by cytobench.errors.option or setting"


@pytest.mark.parametrize("place", ALLOWED)
def test_what_is_excused_has_something_to_excuse(place: str) -> None:
    assert any(found(file.read_text()) for name, file in modules().items() if name.startswith(place)), "take it out"


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ('raise UserError("--shots 0: too few")', 1),
        ('raise UserError(f"{name}: leave "\n"--merge out")', 1),
        ('f"{x!r:>{width}} --limit {n} and --fold {i}"', 2),
        ('NAMES = {"limit": "--limit"}', 1),
        ('f"Make it with `cytobench data split {name} --out FILE`."', 0),
        ('NEXT = f"pip install --editable {folder}"', 0),
        ('"""Reads ``--prompts``."""\nN = 1\n"""Of --fold."""', 0),
        ('raise UserError(f"{option(\'shots\', 0)}: too few -- or many, a-b--c")', 0),
    ],
)
def test_options_are_seen(source: str, options: int) -> None:
    assert len(found(source)) == options
