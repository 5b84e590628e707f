"""The provenance of a record."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import torch

from cytobench.pipeline.environment import device_info, environment, source_commit
from cytobench.pipeline.recording import _summed
from cytobench.storage.records import read_record


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


def test_every_stage_tells_its_threads_and_what_it_was_made_with(small, tmp_path: Path, monkeypatch) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        small(fold=[0])
    finally:
        torch.set_num_threads(threads)
    record = read_record(tmp_path / "out" / "records" / "repeat__random__s2__n3__fold0.json")
    assert {stage.kind for stage in record.stages} == {"fit", "sample", "copies", "train", "predict"}
    for stage in record.stages:
        assert stage.threads == threads + 1
        assert stage.software["torch"] == version("torch") and stage.software["numpy"] == version("numpy")
        assert stage.software["python"] == ".".join(platform.python_version_tuple()[:2])
        assert not {"pandas", "pytest"} & set(stage.software)


def test_threads_without_torch_are_what_the_system_allows() -> None:
    script = "from cytobench.pipeline.environment import threads; import sys; print(threads(), 'torch' in sys.modules)"
    for asked, expected in (("3", "3 False"), ("5,2", "5 False"), ("", f"{len(os.sched_getaffinity(0))} False")):
        said = subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "OMP_NUM_THREADS": asked}, capture_output=True, text=True
        )
        assert said.stdout.strip() == expected, said.stderr


def test_blocks_made_at_different_times_tell_all_they_were_made_with() -> None:
    block = {"kind": "sample", "key": "k", "label": "A", "device": "CPU", "when": "2026", "seconds": 1.0, "parts": {},
             "images": 8, "peak_memory_mib": None}  # fmt: skip
    report = _summed([{**block, "threads": 1, "software": {"torch": "2.9"}},
                      {**block, "threads": 2, "software": {"torch": "2.10"}, "device": "GPU"}])  # fmt: skip
    assert report["software"] == {"torch": "2.10 and 2.9"}
    assert report["threads"] is None and report["device"] == "CPU and GPU"
    assert _summed([block])["software"] == {}  # from before it was recorded
