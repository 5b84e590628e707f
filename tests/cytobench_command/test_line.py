"""Command lines: split, filled in, checked, and what identifies them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cytobench.errors import UserError
from cytobench_command import line as lines
from cytobench_command.config import CommandFitConfig, CommandSampleConfig, CommandTrainConfig
from cytobench_command.line import check_files, fill_line, named_files, program_version, version_output

ARGUMENT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(st.lists(ARGUMENT, min_size=1, max_size=5), st.text(max_size=20))
def test_a_filled_in_value_stays_within_its_argument(arguments: list[str], value: str) -> None:
    plain = [argument.replace("{", "(") for argument in arguments]
    filled = fill_line(shlex.join([*plain, "--at={out}", "{out}{out}"]), {"out": value})
    assert filled == [*plain, f"--at={value}", value + value]


def test_there_is_no_shell() -> None:
    assert fill_line("p '{request}' $HOME *.py ~ | tee > x {0} {OUT}", {"request": "a b"}) == [
        *("p", "a b", "$HOME", "*.py", "~", "|", "tee", ">", "x", "{0}", "{OUT}")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python 'fit.py {request}", "cannot be split into arguments: No closing quotation"),
        ("  ", "is empty"),
        ("python fit.py", r"tells the program nothing: put \{request\} among its arguments"),
        ("python fit.py {requst}", r"has \{requst\}, which is no place to fill in. Known: \{request\}, "),
        ("python fit.py {artefact}", r"\{artefact\}, which is no place"),
    ],
)
def test_a_line_that_cannot_work_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        CommandFitConfig(fit=text)


def test_a_line_may_have_several_lines() -> None:
    assert CommandSampleConfig(sample="\np\n{request}\n").sample == "p {request}"


def test_named_files_are_those_that_are_there(place: Path) -> None:
    Path("w.bin").write_bytes(b"1")
    Path("p").write_text("")
    text = "p fit.py --weights=w.bin --x=none.bin none.py cells ./sample.py {request}"
    assert named_files(text) == {1: "fit.py", 2: "w.bin", 6: "./sample.py"}
    assert named_files("./p {request}") == {0: "./p"}


def test_assets_are_the_named_files_and_the_folders_of_files(place: Path) -> None:
    config = CommandTrainConfig(train="p train.py {train}", predict="p predict.py {model}", files=("cells", "fit.py"))
    assert {name: reference.source for name, reference in config.assets().items()} == {
        "train[1]": "train.py", "predict[1]": "predict.py", "files[0]": "cells", "files[1]": "fit.py"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pyhton fit.py {request}", "the program pyhton is not installed"),
        ("env/bin/python fit.py {request}", "the program env/bin/python is no such file"),
        ("./fit.py {request}", "fit.py may not be executed"),
        ("python3 -u gone.py {request}", "there is no file gone.py in "),
    ],
)
def test_a_program_or_script_that_is_not_here_is_named(place: Path, text: str, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        check_files("fit", text)


@pytest.mark.parametrize("text", ["python3 run /app/fit.py {request}", "python3 -m fit {request}", "sh {out}/x.sh"])
def test_what_may_lie_elsewhere_is_not_looked_for(place: Path, text: str) -> None:
    check_files("fit", text)


def test_a_program_is_asked_for_its_version(place: Path) -> None:
    assert program_version("fit", f"{sys.executable} fit.py") == f"Python {sys.version.split()[0]}"
    assert program_version("fit", "false {request}") is None


def test_a_version_is_told_at_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "VERSION_SECONDS", 0.3)
    slow = Path("slow.sh")
    slow.write_text("#!/bin/sh\nsleep 60\n")
    slow.chmod(0o755)
    with pytest.raises(UserError, match=r"command.fit: ./slow.sh --version had not ended after 0 s"):
        program_version("fit", "./slow.sh {request}")


def test_a_version_command_must_work(place: Path) -> None:
    assert version_output("echo numpy==2.0") == "numpy==2.0"
    with pytest.raises(UserError, match=r"command.version: ls gone ended with exit code \d+: .*gone"):
        version_output("ls gone")


def test_a_scope_without_a_fit_is_refused() -> None:
    with pytest.raises(ValidationError, match="there is no fit"):
        CommandFitConfig(scope="dataset")
    assert CommandFitConfig().fit_scope() == "none"
    assert CommandFitConfig(fit="p {request}").fit_scope() == "class"
    assert CommandFitConfig(fit="p {request}", scope="dataset").fit_scope() == "dataset"
