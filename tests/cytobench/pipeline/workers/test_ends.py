"""How a run ends that is stopped: no process of it is left, and nothing half made."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SITE = Path(__file__).parent / "site"
# A shell starts what runs in its background with SIGINT ignored, and these tests may be among it.
PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from cytobench.cli import main; main()"
)


@contextmanager
def hanging(cells: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A run whose plugin hangs, and the processes that hang."""
    command = [
        *(sys.executable, "-c", PROGRAM, "run", "--dataset", str(cells), "--preset", "pocket", "--folds", "3"),
        *("--classifier", "fragile", "--synthetic", "0", "--fold", "0", "--device", "cpu", "--out", "out"),
        *("--set", "fragile.fit=hang"),
    ]
    path = os.pathsep.join([str(SITE), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=cells.parent
    ) as run:
        assert run.stderr is not None
        pids: list[int] = []
        for line in run.stderr:
            pids += [int(number) for number in re.findall(r"(?:child|hangs in) (\d+)", line)]
            if "hangs in" in line:
                break
        try:
            yield run, pids
        finally:
            run.kill()


def test_a_killed_run_leaves_no_worker(cells: Path, gone: Callable[[int], bool]) -> None:
    with hanging(cells) as (run, pids):
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        assert len(pids) == 2 and all(gone(pid) for pid in pids)


def test_ctrl_c_leaves_no_worker_and_nothing_half_made(cells: Path, gone: Callable[[int], bool]) -> None:
    with hanging(cells) as (run, pids):
        os.kill(run.pid, signal.SIGINT)
        messages = run.communicate(timeout=30)[1]
        assert len(pids) == 2 and all(gone(pid) for pid in pids)
        assert run.returncode == 130
        assert "the same command goes on from here" in messages and "Traceback" not in messages
        assert not list((cells.parent / "out").rglob(".making-*"))


def test_the_command_line_tells_of_the_death_and_exits_with_1(cells: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SITE), *sys.path]))
    command = [
        *(sys.executable, "-c", PROGRAM, "run", "--dataset", str(cells), "--preset", "pocket", "--folds", "3"),
        *("--classifier", "fragile", "--classifier", "random", "--synthetic", "0", "--fold", "0", "--device", "cpu"),
        *("--set", "fragile.predict=crash", "--json"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cells.parent, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("{") and "printed by fragile" in done.stderr
    reason = "WorkerDied: predict: fragile (cytobench-fragile 0.3) was killed by SIGSEGV"
    assert f"  none__fragile__s0__n0__fold0: {reason}" in done.stderr
