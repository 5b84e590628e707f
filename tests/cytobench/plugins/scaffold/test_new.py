"""``cytobench plugin new``: names that are refused, folders that are left alone, nothing half written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import get_args

import pytest

from cytobench.cli import main
from cytobench.cli.plugin import NAMES
from cytobench.contract import Role
from cytobench.plugins.scaffold.kinds import KINDS, ROLES, WITH_ROLE

from ...distributions import Site, offering

ROOT = Path(__file__).parents[4]


def new(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["plugin", "new", *arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("blood mix", "blood mix: PyPI takes letters, digits and hyphens between them, such as blood-mix"),
        ("", "plugin new : PyPI takes"),
        ("-mix", "-mix: PyPI takes"),
        ("../mix", "../mix: PyPI takes"),
        ("mix=2", "mix=2: PyPI takes"),
        ("zellmaß", "zellmaß: PyPI takes"),
        ("Blood_Mix", "Blood_Mix: PyPI writes it blood-mix; write it so, too."),
        ("mix.two", "mix.two: PyPI writes it mix-two"),
        ("cytobench-mix", "cytobench-mix: write mix; its distribution is called cytobench-mix."),
        ("class", "class: it is a word of Python's own"),
        ("match", "match: it is a word of Python's own"),
        ("statistics", "statistics: a module of Python's standard library is called so"),
        ("x" * 41, "it has 41 characters; 40 are the most"),
        ("clip", "clip: cytobench 0.1.0 offers a classifier of this name; choose another one."),
        ("phantom-fresh", "phantom-fresh: cytobench 0.1.0 offers a dataset of this name"),
        ("controls", "controls: a plugin of this name is installed, of cytobench; choose another one."),
    ],
)
def test_a_name_that_will_not_do_is_refused_in_a_line(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    assert new("--kind", "generator", "--", name) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.out == "" and len(printed.err.strip().splitlines()) == 1
    assert list(folder.iterdir()) == []


def test_a_role_is_written_where_there_is_one_and_refused_elsewhere(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in WITH_ROLE:
        assert new("--kind", kind, "--role", "control", f"mix-{kind}") == 0
        assert 'role="control",' in (folder / f"cytobench-mix-{kind}/cytobench_mix_{kind}/__init__.py").read_text()
    capsys.readouterr()
    assert new("--kind", "dataset", "--role", "control", "mix-data") == 2
    assert "--role control: datasets have no role, but generators and classifiers." in capsys.readouterr().err
    assert get_args(Role) == ROLES


def test_names_of_installed_distributions_are_taken(folder: Path, site: Site) -> None:
    site.install("cytobench-forest", offering("oak"))
    site.install("cytobench-elm", "", points={})
    (site.path / "cytobench_ash.py").write_text("")
    messages = {}
    for name in ("forest", "oak", "elm", "ash", "birch"):
        done = site.cytobench("plugin", "new", name, "--kind", "observer", cwd=folder)
        messages[name] = (done.returncode, done.stderr)
    assert messages.pop("birch") == (0, "")
    assert {code for code, _ in messages.values()} == {2}
    assert "a plugin of this name is installed, of cytobench-forest" in messages["forest"][1]
    assert "cytobench-forest 1.2 offers a classifier of this name" in messages["oak"][1]
    assert "cytobench-elm 1.2 is installed" in messages["elm"][1]
    assert "a module cytobench_ash is installed" in messages["ash"][1]
    assert [entry.name for entry in folder.iterdir()] == ["cytobench-birch"]


def test_a_folder_that_is_there_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "cytobench-mix").mkdir()
    (folder / "cytobench-gone").symlink_to(folder / "nowhere")
    for name in ("mix", "gone"):
        assert new(name, "--kind", "dataset") == 2
        assert f"cytobench-{name} is there already" in capsys.readouterr().err
    assert sorted(entry.name for entry in folder.iterdir()) == ["cytobench-gone", "cytobench-mix"]
    assert list((folder / "cytobench-mix").iterdir()) == []


def test_out_says_where_it_goes_and_the_commands_go_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new("mix", "--kind", "extractor", "--out", "my plugins") == 0
    assert "  cd 'my plugins/cytobench-mix'\n" in capsys.readouterr().out
    assert (folder / "my plugins" / "cytobench-mix" / "cytobench_mix" / "extractor.py").is_file()
    (folder / "file").write_text("")
    assert new("mix", "--kind", "extractor", "--out", "file") == 2
    assert "file/cytobench-mix: " in capsys.readouterr().err


def test_it_is_written_whole_or_not_at_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    assert new("mix", "--kind", "classifier") == 2
    assert "cytobench-mix: No space left on device" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mix"], "Missing option '--kind'"),
        (["mix", "--kind", "painter"], "'painter' is not one of 'generator', 'classifier', 'dataset'"),
        (["mix", "--kind", "generator", "--license", "mit"], "'mit' is not one of 'MIT', 'BSD-3-Clause'"),
    ],
)
def test_options_are_checked(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert new(*arguments) == 2
    assert message in capsys.readouterr().err


def test_all_that_can_be_checked_by_kind_can_be_scaffolded() -> None:
    assert set(KINDS) == set(NAMES) - {"plugin"}


def test_a_wheel_holds_every_template(tmp_path: Path) -> None:
    pytest.importorskip("setuptools")
    source = tmp_path / "source"
    ignore = shutil.ignore_patterns("*.safetensors", "__pycache__")
    scaffold = Path("cytobench", "plugins", "scaffold")
    shutil.copytree(ROOT / scaffold, source / scaffold, ignore=ignore)
    for package in ("cytobench", "cytobench/plugins"):
        (source / package / "__init__.py").write_text("")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "plugins").mkdir()
    program = "from setuptools import build_meta; build_meta.build_wheel('.')"
    done = subprocess.run([sys.executable, "-c", program], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    templates = ROOT / scaffold / "templates"
    wanted = {file.relative_to(ROOT).as_posix() for file in templates.rglob("*.template")}
    with zipfile.ZipFile(next(source.glob("*.whl"))) as wheel:
        assert len(wanted) > 15 and wanted <= set(wheel.namelist())


def test_kinds_are_listed_without_anything_heavy() -> None:
    program = "import sys, json, cytobench.cli.plugin; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"pluggy", "pydantic", "numpy", "packaging"} & set(json.loads(done.stdout))
