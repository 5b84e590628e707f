"""``benchmarks/gpu_check.py``, rehearsed at toy shapes on the CPU: real runs of the script, no GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu_check.py"
PROVED = "proves nothing about a GPU"


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], int]:
    """The script in this process, which has the libraries already; returns the exit code."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import gpu_check

    main: Callable[[list[str]], int] = gpu_check.main
    return main


def test_the_rehearsal_makes_every_check_it_can(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    command = [sys.executable, str(SCRIPT), "--rehearse", "--json", str(file), "--work", str(tmp_path / "work")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(PROVED) == 2  # at the beginning and at the end
    assert "FAILED " not in done.stdout
    report = json.loads(file.read_text())
    assert report["rehearsal"] is True
    assert report["device"]["kind"] == "cpu" and "torch" in report["packages"]

    checks = {check["check"]: check["found"] for check in report["checks"]}
    assert all(check["ok"] for check in report["checks"])
    # The rank of the preset paper is 16: UNet 4 blocks of 8 projections, text encoder 2 layers of 4, each 16 to 16.
    assert checks["adapter of the unet"].startswith(f"{4 * 8 * 2 * 16 * 16:,} parameters in 64 tensors")
    assert checks["adapter of the text_encoder"].startswith(f"{2 * 4 * 2 * 16 * 16:,} parameters in 16 tensors")
    assert checks["optimiser steps of the fit"] == "20 of 20"
    assert checks["the same seed twice"] == "the same bytes in two processes"
    assert "a run is killed while it samples" in checks and "what was finished before the kill" in checks
    left_out = {check["check"]: check["why"] for check in report["left_out"]}
    assert left_out["the stopwatch against device events"] == "a CPU has no device events"
    stages = [stage["stage"] for stage in report["stages"]]
    kinds = [f"{kind} {name}" for name in ("resnet50", "clip") for kind in ("train", "predict")]
    assert stages == ["fit sd21-lora", "sample sd21-lora", *kinds]
    assert all(stage["seconds"] > 0 and stage["rate"] > 0 for stage in report["stages"])
    assert all(name in done.stdout for name in stages)
    assert (tmp_path / "work" / "sd" / "model_index.json").is_file()  # a folder that was named is kept


def test_a_check_that_does_not_hold_is_reported(
    check: Callable[[list[str]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    half = ["--set", "sd21-lora.rank=8"]  # the preset's rank, halved: adapters of another size
    assert check(["--rehearse", "--steps", "4", "--classifier", "clip", *half, "--json", str(report)]) == 1
    output = capsys.readouterr().out
    line = "FAILED    adapter of the unet: expected 16,384 parameters in 64 tensors of F32, found 8,192 parameters"
    assert line in output and "2 FAILED" in output and PROVED in output
    failed = [check["check"] for check in json.loads(report.read_text())["checks"] if not check["ok"]]
    assert failed == ["adapter of the unet", "adapter of the text_encoder"]


def test_without_a_gpu_it_says_how_to_rehearse() -> None:
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, env=hidden, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "finds no CUDA device" in done.stderr and "--rehearse" in done.stderr


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (["--set", "sd21-lora.rnak=8"], "Did you mean sd21-lora.rank?"),
        (["--classifier", "clip", "--set", "resnet50.epochs=1"], "resnet50 is not part of this check"),
        (["--work", str(SCRIPT.parent)], "is not empty"),
        (["--work", str(SCRIPT)], "Name a folder"),
    ],
)
def test_a_wrong_option_is_named_before_anything_is_written(
    check: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str], wrong: list[str], expected: str
) -> None:
    assert check(["--rehearse", *wrong]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("gpu_check: ") and expected in printed.err
    assert "ok  " not in printed.out
