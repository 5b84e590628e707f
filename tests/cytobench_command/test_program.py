"""Programs run with a time limit, and nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cytobench.context import Stopped
from cytobench_command.program import TimeLimit, last_lines, run_program

PYTHON = [sys.executable, "-S", "-E", "-c"]
# A parent and a child that write their numbers and wait.
FAMILY = (
    "import os, signal, subprocess, sys, time\n"
    "if sys.argv[1] == 'deaf': signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(600)'])\n"
    "open(sys.argv[2], 'w').write(f'{os.getpid()} {child.pid} ')\n"
    "time.sleep(0 if sys.argv[1] == 'leaves' else 600)\n"
)


def alive(number: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def written(file: Path) -> bool:
    return file.exists() and file.read_text().endswith(" ")


def numbers(file: Path, seconds: float = 120) -> list[int]:
    until = time.monotonic() + seconds
    while not written(file):
        assert time.monotonic() < until, "the program did not start"
        time.sleep(0.02)
    return [int(number) for number in file.read_text().split()]


def gone(pids: list[int], seconds: float = 60) -> bool:
    until = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")


def test_both_outputs_are_in_the_log_and_the_input_is_empty(tmp_path: Path) -> None:
    code = "import sys; print('out'); print(repr(sys.stdin.read()), file=sys.stderr); sys.exit(3)"
    assert run_program([*PYTHON, code], tmp_path / "log", 600) == 3
    assert sorted(last_lines(tmp_path / "log").splitlines()) == ["''", "out"]


@pytest.mark.parametrize(("code", "expected"), [("import os; os.kill(os.getpid(), 9)", 137), ("", 0)])
def test_the_exit_code_tells_the_signal(tmp_path: Path, code: str, expected: int) -> None:
    assert run_program([*PYTHON, code], tmp_path / "log", 600) == expected


def test_a_program_that_is_not_there_is_exit_code_127(tmp_path: Path) -> None:
    assert run_program(["./no-such-program"], tmp_path / "log", 600) == 127
    assert last_lines(tmp_path / "log") == "./no-such-program: No such file or directory"


@needs_proc
@pytest.mark.parametrize("kind", ["polite", "deaf"])
def test_the_time_limit_ends_a_program_and_its_children(
    tmp_path: Path, kind: str, late: Callable[[Callable[[], bool]], None]
) -> None:
    pids = tmp_path / "pids"
    late(lambda: written(pids))
    with pytest.raises(TimeLimit):
        run_program([*PYTHON, FAMILY, kind, str(pids)], tmp_path / "log", 600)
    assert not any(alive(number) for number in numbers(pids))


@needs_proc
def test_what_a_program_leaves_running_is_ended(tmp_path: Path) -> None:
    assert run_program([*PYTHON, FAMILY, "leaves", str(tmp_path / "pids")], tmp_path / "log", 600) == 0
    assert not any(alive(number) for number in numbers(tmp_path / "pids"))


@pytest.mark.skipif(not list(Path("/proc/self/task").glob("*/children")), reason="the system does not list children")
def test_a_daemon_of_a_session_of_its_own_is_ended_too(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    daemon = [*PYTHON, FAMILY, "polite", str(pids)]
    code = (
        "import os, subprocess, sys, time\nsubprocess.Popen(sys.argv[2:], start_new_session=True)\n"
        "while not (os.path.exists(sys.argv[1]) and os.path.getsize(sys.argv[1])): time.sleep(0.02)\n"
    )
    assert run_program([*PYTHON, code, str(pids), *daemon], tmp_path / "log", 600) == 0
    assert not any(alive(number) for number in numbers(pids))


@needs_proc
def test_a_stop_ends_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(Stopped):
        run_program([*PYTHON, FAMILY, "polite", str(pids)], tmp_path / "log", 600, stop=lambda: written(pids))
    assert not any(alive(number) for number in numbers(pids))


@needs_proc
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_the_death_of_the_caller_ends_it(tmp_path: Path, ending: signal.Signals) -> None:
    """A worker that is killed must not leave a training on the GPU."""
    code = "import sys, pathlib; from cytobench_command.program import run_program; "
    code += "run_program(sys.argv[2:], pathlib.Path(sys.argv[1]), 600)"
    program = [*PYTHON, FAMILY, "polite", str(tmp_path / "pids")]
    caller = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "log"), *program])
    pids = numbers(tmp_path / "pids")
    os.kill(caller.pid, ending)
    caller.wait()
    assert gone(pids)


def test_a_progress_bar_is_its_last_state(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"start\r\n 1 %\r 50 %\r100 %\r\nb\xffd\n")
    assert last_lines(tmp_path / "log") == "start\n100 %\nb\ufffdd"
    (tmp_path / "log").write_text("x" * 9000 + "\nend\n")
    assert last_lines(tmp_path / "log", 10) == "xxxxx\nend"
