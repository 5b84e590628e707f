"""A built wheel holds the published figures, and one copy of them, and what pages are made of."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]


def test_a_wheel_holds_every_file_that_is_no_module(tmp_path: Path) -> None:
    figures = ROOT / "cytobench" / "analysis" / "published"
    wanted = {file.relative_to(ROOT).as_posix() for file in figures.glob("*.csv")}
    assert len(wanted) == 8
    pages = ROOT / "cytobench" / "reporting" / "page"
    parts = [*pages.glob("assets/*"), *pages.glob("templates/*")]
    assert {file.suffix for file in parts} == {".css", ".js", ".html"}
    wanted |= {file.relative_to(ROOT).as_posix() for file in parts}
    source = tmp_path / "source"
    ignore = shutil.ignore_patterns("*.safetensors", "__pycache__")
    for name in ("cytobench", "plugins"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    program = "from setuptools import build_meta; build_meta.build_wheel('.')"
    done = subprocess.run([sys.executable, "-c", program], cwd=source, capture_output=True, text=True, check=False)
    if "No module named 'setuptools'" in done.stderr:
        pytest.skip("setuptools is not installed here")
    assert done.returncode == 0, done.stderr
    (wheel,) = source.glob("*.whl")
    assert wanted <= set(zipfile.ZipFile(wheel).namelist())


def test_there_is_one_copy() -> None:
    assert not list((ROOT / "results").rglob("cytodiff_*.csv"))
