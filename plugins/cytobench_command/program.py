"""Run a program with a time limit; neither it nor what it started outlives the call, or the process that calls."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cytobench.context import Stopped

GUARD = Path(__file__).with_name("guard.py")
LOOK = 0.2
"""Seconds between two looks at the clock and at whether to stop."""


class TimeLimit(Exception):
    """The program had not ended in time, and was ended."""


def run_program(arguments: Sequence[str], log: Path, seconds: float, stop: Callable[[], bool] = lambda: False) -> int:
    """Run a program in this folder and environment; returns its exit code, 128 + n if signal n ended it.

    What it writes on either output is added to ``log``; its input is empty. Raises :class:`TimeLimit` after ``seconds``
    and :class:`~cytobench.context.Stopped` where ``stop()`` says so, once the program has ended.
    """
    until = time.monotonic() + seconds
    with log.open("ab") as sink:
        guard = subprocess.Popen(
            [sys.executable, "-I", str(GUARD), *arguments],
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while True:
            try:
                return guard.wait(min(LOOK, max(0.0, until - time.monotonic())))
            except subprocess.TimeoutExpired:
                if stop():
                    raise Stopped from None
                if time.monotonic() >= until:
                    raise TimeLimit from None
    finally:
        # The guard ends the program where this end of its input is closed: here, or by the death of this process.
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait()


def last_lines(log: Path, characters: int = 2000) -> str:
    """The last characters of a log, at most so many; of a progress bar its last state."""
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 4 * characters))
        text = file.read().decode(errors="replace")
    lines = [line.rstrip().rpartition("\r")[2] for line in text.split("\n")]
    return "\n".join(lines)[-characters:].strip()
