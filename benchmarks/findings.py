"""What a check script found: a line a check, and a table of stages."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass
class Findings:
    """Checks, those left out and why, and what the stages took. Each line is printed at once."""

    checks: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """How many checks did not hold."""
        return sum(not check["ok"] for check in self.checks)

    def expect(self, name: str, holds: bool, expected: str, actual: str) -> None:
        """Note a check."""
        self.checks.append({"check": name, "ok": bool(holds), "expected": expected, "found": actual})
        line = f"ok        {name}: {actual}" if holds else f"FAILED    {name}: expected {expected}, found {actual}"
        print(line, flush=True)

    def leave_out(self, name: str, why: str) -> None:
        """Note a check that cannot be made here."""
        self.left_out.append({"check": name, "why": why})
        print(f"left out  {name}: {why}", flush=True)

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """An error within is a failed check, its traceback goes to stderr, and the script goes on."""
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            reason = (str(error).strip().splitlines() or [""])[0]
            self.expect(f"{name} runs to its end", False, "no error", f"{type(error).__name__}: {reason}")

    def took(
        self, stage: str, reports: Sequence[Mapping[str, Any]], count: int, unit: str, part: str | None = None
    ) -> None:
        """Note a stage by its reports. Its rate is ``count`` by the seconds of ``part``, or by all but ``load``."""
        seconds = sum(report["seconds"] for report in reports)
        load = sum(report["parts"].get("load", 0.0) for report in reports)
        busy = sum(report["parts"][part] for report in reports) if part else seconds - load
        peaks = [report["peak_memory_mib"] for report in reports if report["peak_memory_mib"] is not None]
        self.stages.append(
            {
                "stage": stage,
                "seconds": round(seconds, 3),
                "of which load": round(load, 3),
                "rate": round(count / busy, 2),
                "unit": f"{unit}/s",
                "peak MiB": round(max(peaks), 1) if peaks else None,
            }
        )

    def table(self) -> str:
        """The stages as a table of text."""
        return pd.DataFrame(self.stages).to_string(index=False) if self.stages else "no stage ran to its end"

    def summary(self) -> str:
        """How many checks held, failed and were left out."""
        n_ok = len(self.checks) - self.failed
        return f"{n_ok} checks ok, {self.failed} FAILED, {len(self.left_out)} left out"
