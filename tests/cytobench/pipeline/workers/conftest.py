"""The plugin ``fragile``, installed for tests, and plugins in processes of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

SITE = Path(__file__).parent / "site"


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch, in_process: None) -> None:
    """Plugins work where a user's do, and ``fragile`` is among them."""
    monkeypatch.delenv("CYTOBENCH_IN_PROCESS")
    monkeypatch.syspath_prepend(str(SITE))


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """Whether a process ends within ten seconds."""

    def ends(pid: int) -> bool:
        deadline = time.monotonic() + 10
        while _runs(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        return not _runs(pid)

    return ends


def _runs(pid: int) -> bool:
    try:
        state = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # an orphan that nobody has waited for yet
