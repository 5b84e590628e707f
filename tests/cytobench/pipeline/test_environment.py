"""The provenance of a record."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

from cytobench.pipeline.environment import device_info, environment, source_commit


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def repository(folder: Path, name: str) -> str:
    (folder / "cytobench").mkdir(parents=True)
    (folder / "plugins").mkdir()
    (folder / "cytobench" / "code.py").write_text("")
    (folder / "plugins" / "code.py").write_text("")
    (folder / "result.json").write_text("")
    (folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "x")
    return git(folder, "rev-parse", "HEAD")


def test_versions_are_those_installed() -> None:
    packages = environment()["packages"]
    assert packages["torch"] == version("torch")
    assert packages["cytobench"] == version("cytobench")
    assert "pytest" not in packages


def test_the_commit_is_that_of_the_source_tree(tmp_path: Path, monkeypatch) -> None:
    commit = repository(tmp_path / "own", "cytobench")
    repository(tmp_path / "other", "something")
    monkeypatch.chdir(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert source_commit(tmp_path / "own") == commit
    assert source_commit(tmp_path / "other") is None
    assert source_commit(tmp_path) is None


def test_changed_code_is_marked_and_new_results_are_not(tmp_path: Path) -> None:
    commit = repository(tmp_path, "cytobench")
    (tmp_path / "result.json").write_text("{}")
    assert source_commit(tmp_path) == commit
    (tmp_path / "cytobench" / "code.py").write_text("changed = True\n")
    assert source_commit(tmp_path) == f"{commit}+"


def test_a_cpu_has_a_name_and_no_driver() -> None:
    found = device_info("cpu")
    assert found["kind"] == "cpu"
    assert "core" in found["name"]
    assert found["driver"] is None
