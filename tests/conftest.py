"""What holds in every test: where plugins work, and how wide a pipe is."""

from __future__ import annotations

import pytest
from hypothesis import settings

# A busy machine is no fault of what is tested.
settings.register_profile("cytobench", deadline=None)
settings.load_profile("cytobench")


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: a worker costs seconds. Tests of workers leave the variable out again."""
    monkeypatch.setenv("CYTOBENCH_IN_PROCESS", "1")


@pytest.fixture(autouse=True)
def no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """No width of a terminal that is none: pytest-xdist sets one in its workers, at which tables would be folded."""
    monkeypatch.delenv("COLUMNS", raising=False)
