"""Checks of how any plugin behaves beside its work: what it touches, writes, reaches, and leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cytobench.errors import option
from cytobench.testing.checks import Check, LeftOut, require
from cytobench.testing.revisions import compare
from cytobench.testing.subject import Subject

SLACK = 64 * 2**20
"""Bytes that a device may hold after everything was closed: work space that torch's libraries take for good."""
GROWTH = 2**20
"""Bytes that a second use may hold on to beyond the first."""
SHOWN = 3


def global_state(subject: Subject) -> None:
    """Random state and default dtype before and after."""
    changed = list(dict.fromkeys(subject.seen.state))
    require(not changed, f"changed by a use from beginning to end: {', '.join(changed)}")


def own_folder(subject: Subject) -> None:
    """What was written elsewhere."""
    changed = subject.seen.changed
    require(not changed, f"changed outside its folder: {_some(changed)}")


def network(subject: Subject) -> None:
    """Hosts that were looked up or connected to."""
    hosts = subject.seen.hosts
    require(not hosts, f"asked the network for {_some(hosts)}")


def nothing_running(subject: Subject) -> None:
    """Threads and processes after everything was closed."""
    running = subject.seen.running
    require(not running, f"still running after everything was closed: {_some(running)}")


def device_memory(subject: Subject) -> None:
    """Memory of the device after everything was closed, twice."""
    if not subject.seen.memory:
        raise LeftOut(f"on a CPU; checked with {option('device', 'cuda')}")
    before, once, twice = subject.seen.memory
    held, grown = once - before, twice - once
    require(held <= SLACK, f"{held / 2**20:.0f} MiB are held on {subject.target.device} after everything was closed")
    require(grown <= GROWTH, f"a second use holds {grown / 2**20:.1f} MiB more on {subject.target.device}")


def _some(things: Sequence[str]) -> str:
    once = list(dict.fromkeys(things))
    more = len(once) - SHOWN
    return ", ".join(once[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def conduct(needs: str, memory: bool = True) -> tuple[Check, ...]:
    """The checks of conduct; ``needs`` is the check that shows that a use is possible at all."""
    checks = (
        Check(
            "global-state",
            "the global random state of Python, NumPy and torch, and torch's default dtype, are left as they were",
            global_state,
            (needs,),
        ),
        Check("own-folder", "nothing is written outside the folder that a stage is given", own_folder, (needs,)),
        Check("network", "no host is looked up or connected to", network, (needs,)),
        Check("nothing-running", "no thread and no process is left when all is closed", nothing_running, (needs,)),
        Check("device-memory", "no memory of the device is held when all is closed", device_memory, (needs,)),
    )
    return checks if memory else checks[:-1]


def revision(digest: Callable[[Any], str], needs: str) -> Check:
    """The check of outputs against those on record; ``needs`` is the check that outputs are settled by the seed."""
    return Check(
        "revision",
        "outputs are those on record for this revision, or the revision was raised (else a warning)",
        lambda subject: compare(subject, digest(subject)),
        (needs,),
    )
