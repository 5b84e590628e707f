"""Runs a command in a process group of its own, and ends the whole group when whoever started this is gone.

A program by itself, with nothing of cytobench: ``python -I guard.py PROGRAM ARGUMENT...``. Standard input is the tie to
the one who started it: at its end, however that came about, the group is ended. What the command leaves running when it
ends by itself is ended as well. The exit code is the command's; 128 + n if signal n ended it, 127 if there is none.
"""

import os
import select
import signal
import subprocess
import sys
import time

GRACE = 5.0
"""Seconds between the signals TERM and KILL."""
PAUSE = 0.02


def main(arguments: list[str]) -> int:
    try:
        command = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{arguments[0]}: {error.strerror}", file=sys.stderr)
        return 127
    while command.poll() is None:
        if select.select([sys.stdin], [], [], PAUSE)[0]:  # nothing is ever written: this is the end
            break
    end_group(command)
    code = command.wait()
    return code if code >= 0 else 128 - code


def end_group(command: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not signalled(command.pid, number):
            return
        until = time.monotonic() + GRACE
        while time.monotonic() < until:
            command.poll()  # a child that has ended stays in its group until it is asked for
            if not signalled(command.pid, 0):
                return
            time.sleep(PAUSE)


def signalled(group: int, number: int) -> bool:
    """Whether there was anyone in the group to signal."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of ended processes
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
