"""The command ``plugins``: fast, and a broken plugin hides no other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cytobench.cli import main


def run(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["plugins", *arguments])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_json_lists_what_is_installed(capsys) -> None:
    found = json.loads(run(capsys, "--json"))
    assert {"sd21-lora", "sd21", "repeat", "folder"} <= {one["name"] for one in found["generators"]}
    phantom = next(one for one in found["datasets"] if one["name"] == "phantom")
    assert phantom["origin"] == "cytobench"
    assert phantom["contract"] == 1
    assert phantom["revision"] >= 1


def test_verbose_shows_contract_and_revision(capsys) -> None:
    assert "contract 1, revision" not in run(capsys)
    assert "contract 1, revision" in run(capsys, "--verbose")


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys\nfrom cytobench.cli import main\ntry:\n main(['plugins'])\nexcept SystemExit:\n pass\n"
        "print('heavy:', sorted({'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("heavy: []")


def test_a_broken_plugin_is_listed_with_its_reason(tmp_path: Path) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cytobench]\nbroken = broken_plugin\n")
    (tmp_path / "broken_plugin.py").write_text("raise RuntimeError('no luck')\n")
    code = "import sys; sys.path.insert(0, sys.argv[1]); from cytobench.cli import main; main(['plugins'])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "broken (broken): importing broken_plugin raised RuntimeError: no luck" in done.stdout
    assert "sd21-lora" in done.stdout
