"""Where plugins work in tests."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: a worker costs seconds. Tests of workers leave the variable out again."""
    monkeypatch.setenv("CYTOBENCH_IN_PROCESS", "1")
