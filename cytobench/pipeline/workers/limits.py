"""What a stage may take of its worker, and whether it has taken more."""

from __future__ import annotations

import time
from dataclasses import dataclass

from cytobench.errors import UserError, option
from cytobench.pipeline.workers.memory import check_measurable, resident_mib

_LOOK = 0.5
"""Seconds between two looks at a worker that says nothing."""
_MEASURE = 0.1
"""Seconds between two measurements of its memory."""


@dataclass(frozen=True)
class Limits:
    """What a stage may take; None for no limit. UserError where a limit is not above 0 or cannot be measured here."""

    seconds: float | None = None
    """From handing the stage over to its report: with the import of the plugin, without the start of its worker."""
    memory_mib: float | None = None
    """Resident memory of the worker and of the processes that it has started."""

    def __post_init__(self) -> None:
        for parameter, value in (("trial_timeout", self.seconds), ("memory_limit", self.memory_mib)):
            if value is not None and not value > 0:
                raise UserError(f"{_named(parameter, value)}: give a number above 0, or leave it out for no limit.")
        if self.memory_mib is not None:
            check_measurable()


class Watch:
    """Watches one stage in one process."""

    def __init__(self, pid: int, limits: Limits) -> None:
        self._pid = pid
        self._limits = limits
        self._began = self._measured = time.monotonic()
        self.passed: str | None = None
        """What a limit that was passed did, and the way out."""

    def pause(self) -> float:
        """Seconds until the next look."""
        pause = _LOOK if self._limits.memory_mib is None else _MEASURE
        if self._limits.seconds is not None:
            pause = min(pause, self._began + self._limits.seconds - time.monotonic())
        return max(0.0, pause)

    def look(self) -> bool:
        """Whether a limit is passed."""
        now, limits = time.monotonic(), self._limits
        if limits.seconds is not None and now - self._began > limits.seconds:
            self.passed = (
                f"took longer than {_named('trial_timeout', limits.seconds)} s and was ended. Give it longer if it was "
                "not hanging; its record says where it was"
            )
        elif limits.memory_mib is not None and now - self._measured >= _MEASURE:
            self._measured = now
            memory_mib = resident_mib(self._pid, limits.memory_mib)
            if memory_mib > limits.memory_mib:
                self.passed = (
                    f"held {memory_mib:.0f} MiB of memory, more than {_named('memory_limit', limits.memory_mib)} MiB, "
                    "and was ended. Give it more, or let it work on smaller batches"
                )
        return self.passed is not None


def _named(parameter: str, value: float) -> str:
    return option(parameter, int(value) if float(value).is_integer() else value)
