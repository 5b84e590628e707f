"""Runs a command in a process group of its own, and ends all that it started when whoever started this is gone.

A program by itself, with nothing of cytobench: ``python -I guard.py PROGRAM ARGUMENT...``. Standard input is the tie to
the one who started it: at its end, however that came about, the group is ended. What the command leaves running when it
ends by itself is ended as well; on Linux also what has left the group. The exit code is the command's; 128 + n if
signal n ended it, 127 if there is none.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

GRACE = 5.0
"""Seconds between the signals TERM and KILL."""
PAUSE = 0.02
PR_SET_CHILD_SUBREAPER = 36
"""Of Linux's prctl(2): orphans of the command become children of this process instead of the system's first one."""


def main(arguments: list[str]) -> int:
    """Run a command to its end, or to that of whoever started this; returns the exit code."""
    with contextlib.suppress(AttributeError):  # elsewhere there is no prctl
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        command = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{arguments[0]}: {error.strerror}", file=sys.stderr)
        return 127
    while command.poll() is None:
        if select.select([sys.stdin], [], [], PAUSE)[0]:  # nothing is ever written: this is the end
            break
    end_group(command)
    end_orphans()
    code = command.wait()
    return code if code >= 0 else 128 - code


def end_group(command: "subprocess.Popen[bytes]") -> None:
    """Ask the command's group to end, and kill what is left of it after a while."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        if not signalled(command.pid, signal_number):
            return
        until = time.monotonic() + GRACE
        while time.monotonic() < until:
            # What has ended stays in its group until it is asked for; the command first, for its exit code.
            if command.poll() is not None:
                collect()
            if not signalled(command.pid, 0):
                return
            time.sleep(PAUSE)


def end_orphans() -> None:
    """Kill what has left the group; the children of each become orphans in turn."""
    until = time.monotonic() + GRACE
    while (pids := orphans()) and time.monotonic() < until:
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        collect()
        time.sleep(PAUSE)


def signalled(group: int, signal_number: int) -> bool:
    """Whether there was anyone in the group to signal."""
    try:
        os.killpg(group, signal_number)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of ended processes
        return False
    return True


def collect() -> None:
    """Ask for every child that has ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def orphans() -> list[int]:
    """The children of this process once the command is gone, where the system lists them."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
