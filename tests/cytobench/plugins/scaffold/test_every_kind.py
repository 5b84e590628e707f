"""Every kind as an author has it: written, installed by pip, tested, checked and run, by the commands printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

import cytobench
from cytobench.plugins.scaffold.kinds import KINDS
from cytobench.plugins.scaffold.licences import LICENCES, SHORT
from cytobench.plugins.scaffold.names import LONGEST, Names
from cytobench.plugins.scaffold.write import distribution_files

if TYPE_CHECKING:
    from layered import Layered

RULES = "E,F,I,UP,B,SIM,RUF"
INSTALLED = [kind for kind in KINDS if kind != "generator"]
"""The tutorial, which has a test of its own, does the same with a generator."""


def new(environment: Layered, folder: Path, name: str, *options: str) -> str:
    done = environment.run(f"cytobench plugin new {name} {' '.join(options)}", folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", INSTALLED)
def test_the_commands_that_are_printed_lead_to_a_plugin_that_works(
    environment: Layered, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whether all that it needs is there the tutorial's test asks pip; that takes most of an installation.
    monkeypatch.setenv("PIP_NO_DEPS", "1")
    name = f"my-{kind}"
    cd, *commands = [line.strip() for line in new(environment, tmp_path, name, "--kind", kind).splitlines()[2:]]
    check = f"cytobench plugin check {name}"
    assert [cd, *commands[:3]] == [f"cd cytobench-{name}", "pip install --editable '.[dev]'", "pytest", check]
    outputs = {}
    for command in commands:
        done = environment.run(command, tmp_path / f"cytobench-{name}")
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        outputs[command] = done.stdout
    assert " passed" in outputs["pytest"] and "warning" not in outputs["pytest"]
    assert f"{kind} {name} (cytobench-{name} 0.1.0)" in outputs[check] and "  warned " not in outputs[check]
    run = commands[3]
    assert run.startswith("cytobench run ") and run.endswith(f" --out results/{name}")
    assert any(line.startswith("1  ") and " test " in line for line in outputs[run].splitlines()), outputs[run]
    if kind == "observer":
        head, line = outputs[commands[4]].splitlines()
        assert head.startswith("finished,row,fold") and ",none/random/s0/n0,0,42,done,0." in line
    else:
        assert name in outputs[run]


def test_it_is_clean_however_long_its_name(environment: Layered, tmp_path: Path) -> None:
    for kind in KINDS:
        new(environment, tmp_path, "x" * (LONGEST - len(kind)) + kind, "--kind", kind)
    # As in the folder of each, where its own package is first-party.
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "--isolated", "--config", "src = ['cytobench-*']"]
    linted = subprocess.run(
        [*ruff, "--line-length=120", "--select", RULES, "."],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert linted.returncode == 0, linted.stdout
    # Errors of the scaffolds alone: cytobench is checked with settings of its own.
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent"]
    typed = subprocess.run(
        [*mypy, "--python-executable", str(environment.python)]
        + [str(file) for file in sorted(tmp_path.glob("*/cytobench_*/"))],
        cwd=tmp_path, capture_output=True, text=True, check=False, env=_with_cytobench(),
    )  # fmt: skip
    assert typed.returncode == 0, typed.stdout + typed.stderr


def _with_cytobench() -> dict[str, str]:
    """mypy follows no editable installation whose finder is code, so it is told where cytobench lies."""
    return {**os.environ, "MYPYPATH": str(Path(cytobench.__file__).parents[1])}


@pytest.mark.parametrize("licence", LICENCES)
def test_a_licence_is_named_with_its_text_or_where_to_get_it(licence: str) -> None:
    files = distribution_files(Names.of("mine"), "observer", licence)
    assert tomllib.loads(files["pyproject.toml"])["project"]["license"] == licence
    assert ("LICENSE" in files) == (licence in SHORT)
    if licence in SHORT:
        assert "the authors of cytobench-mine" in files["LICENSE"] and "$" not in files["LICENSE"]
    else:
        assert f"https://spdx.org/licenses/{licence}" in files["README.md"]


def test_requirements_are_those_of_the_code() -> None:
    for kind in KINDS:
        files = distribution_files(Names.of("mine"), kind, "MIT")
        project = tomllib.loads(files["pyproject.toml"])["project"]
        wanted = {Requirement(requirement).name for requirement in project["dependencies"]}
        source = "\n".join(text for name, text in files.items() if name.startswith("cytobench_mine/"))
        imported = set(re.findall(r"^(?:from|import) (\w+)", source, re.M)) - sys.stdlib_module_names
        names = {"PIL": "pillow", "sklearn": "scikit-learn"}
        assert {names.get(module, module) for module in imported} - {"cytobench_mine"} == wanted
