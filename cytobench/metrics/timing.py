"""Timing of stages: device-synchronised wall time, its parts, and peak memory.

The clock is ``time.perf_counter_ns`` read after the device has finished its work. Peak memory is the accelerator's
peak allocation, or on a CPU the peak resident size of the process (Linux; None elsewhere), reset for each stage.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

_CLEAR_REFS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class Stopwatch:
    """Times one stage on one device. ``seconds``, ``parts`` (seconds by name) and ``peak_memory_mib`` when done."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.parts: dict[str, float] = {}
        self.seconds = 0.0
        self.peak_memory_mib: float | None = None
        self.when = ""

    @contextmanager
    def stage(self) -> Iterator[None]:
        """Time the whole stage and watch its peak memory."""
        _warm_up(self.device)
        self.when = datetime.now(UTC).isoformat(timespec="seconds")
        self._reset_peak()
        start = self._now()
        try:
            yield
        finally:
            self.seconds = (self._now() - start) / 1e9
            self.peak_memory_mib = self._peak()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Book a part of the stage under a name; parts of the same name add up."""
        start = self._now()
        try:
            yield
        finally:
            self.parts[name] = self.parts.get(name, 0.0) + (self._now() - start) / 1e9

    def _now(self) -> int:
        if self.device != "cpu":
            import torch

            torch.accelerator.synchronize(self.device)
        return time.perf_counter_ns()

    def _reset_peak(self) -> None:
        if self.device != "cpu":
            import torch

            if torch.cuda.is_available():
                torch.cuda.reset_peak_memory_stats(self.device)
        elif _CLEAR_REFS.exists():
            with suppress(OSError):
                _CLEAR_REFS.write_text("5")  # resets VmHWM, see proc(5)

    def _peak(self) -> float | None:
        if self.device != "cpu":
            import torch

            return torch.cuda.max_memory_allocated(self.device) / 2**20 if torch.cuda.is_available() else None
        if not _STATUS.exists():
            return None
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) / 1024
        return None


@cache
def _warm_up(device: str) -> None:
    """Once a process, outside any stage's time: what the first work on an accelerator pays for."""
    if device != "cpu":
        import torch

        square = torch.ones(64, 64, device=device)
        torch.mm(square, square)
        torch.accelerator.synchronize(device)
