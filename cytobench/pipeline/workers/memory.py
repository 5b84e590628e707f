"""How much memory a process and the processes it has started hold (Linux).

This is psutil's ``memory_info().rss`` and ``memory_full_info().pss``, but for the family: psutil looks for children
among all processes of the machine, 3 ms of CPU time a look where there are 100 and 20 ms where there are 1,100. A run
looks ten times a second; this takes 0.2 ms wherever it is.
"""

from __future__ import annotations

import os
from pathlib import Path

from cytobench.errors import UserError, option

_PROC = Path("/proc")
_ROLLUP = "smaps_rollup"


def check_measurable() -> None:
    """UserError where the system does not tell (proc(5), Linux 4.14 or newer)."""
    if not (_PROC / "self" / _ROLLUP).exists():
        raise UserError(f"{option('memory_limit')} needs Linux (/proc/PID/{_ROLLUP}). Leave it out on this system.")


def resident_mib(pid: int, limit: float) -> float:
    """MiB of resident memory of a process and its descendants; 0 if it is gone.

    What processes share is counted once (proportional set size) where that decides whether ``limit`` is passed; below
    it the sum of resident sizes is enough. Of 2 GiB that is had in 0.1 ms, the proportional one in 50 ms.
    """
    family = _family(pid)
    resident = sum(map(_resident, family))
    return resident if resident <= limit else sum(map(_proportional, family))


def _family(pid: int) -> list[int]:
    family = [pid]
    for member in family:  # grows while it is walked
        try:
            lists = [(task / "children").read_text() for task in (_PROC / str(member) / "task").iterdir()]
        except OSError:  # it has ended
            continue
        family += [int(child) for children in lists for child in children.split()]
    return family


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
