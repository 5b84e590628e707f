"""The command ``plugins``: fast, and a broken plugin hides no other."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cytobench.cli import main

from ..distributions import Site, offering


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


def test_third_party_plugins_are_told_from_built_in_ones_and_a_broken_one_hides_none(site: Site) -> None:
    """The real command, in a process of its own."""
    site.install("cytobench-good", offering("forest"))
    site.install("cytobench-broken", "raise RuntimeError('no luck')\n")
    done = site.cytobench("plugins")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "forest of a test (cytobench-good 1.2, third-party)" in lines
    assert [line for line in lines if line.startswith("sd21-lora ") and line.endswith(", built in)")]
    assert lines[-2] == "Broken"
    assert lines[-1].startswith("broken (cytobench-broken 1.2): importing cytobench_broken raised RuntimeError: no l")
