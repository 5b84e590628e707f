"""How much memory a process and the processes it has started hold (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

from cytobench.errors import UserError

_PROC = Path("/proc")
_ROLLUP = "smaps_rollup"


def check_measurable() -> None:
    """UserError where the system does not tell (proc(5), Linux 4.14 or newer)."""
    if not (_PROC / "self" / _ROLLUP).exists():
        raise UserError("--memory-limit needs Linux (/proc/PID/smaps_rollup). Leave it out on this system.")


def held_mib(pid: int, limit: float) -> float:
    """MiB of resident memory of a process and its descendants; 0 if it is gone.

    What processes share is counted once (proportional set size) where that decides whether ``limit`` is passed; below
    it the sum of resident sizes, which is quicker to have, is enough.
    """
    family = _family(pid)
    resident = sum(_resident(one) for one in family)
    return resident if resident <= limit else sum(_proportional(one) for one in family)


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:  # grows while it is walked
        try:
            lists = [(task / "children").read_text() for task in (_PROC / str(one) / "task").iterdir()]
        except OSError:  # it has ended
            continue
        found += [int(child) for children in lists for child in children.split()]
    return found


def _resident(pid: int) -> float:
    try:
        pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _proportional(pid: int) -> float:
    try:
        lines = (_PROC / str(pid) / _ROLLUP).read_text().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
