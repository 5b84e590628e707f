"""What came out of checks, as lines of text and as values for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cytobench._text import aligned_lines
from cytobench.testing.checks import Result
from cytobench.testing.target import Target


@dataclass(frozen=True)
class Report:
    """The results of one target."""

    target: Target
    results: Sequence[Result]

    @property
    def ran(self) -> int:
        """How many checks ran."""
        return sum(result.status != "left out" for result in self.results)

    @property
    def passed(self) -> bool:
        """Whether checks ran and none failed."""
        return self.ran > 0 and all(result.status != "failed" for result in self.results)

    @property
    def summary(self) -> str:
        """``18 checks ran: 16 passed, 1 warned, 1 failed; 2 left out``."""
        counts = Counter(result.status for result in self.results)
        parts = [f"{counts[status]} {status}" for status in ("passed", "warned", "failed") if counts[status]]
        left_out = f"; {counts['left out']} left out" if counts["left out"] else ""
        return f"{self.ran} checks ran: {', '.join(parts) or 'none'}{left_out}"

    def lines(self) -> list[str]:
        """A line a check, with its rule, or why it did not pass."""
        rows = [(f"  {result.status}", result.check, result.detail or result.rule) for result in self.results]
        return [self.target.title, *aligned_lines(rows), f"  {self.summary}"]

    def values(self) -> dict[str, Any]:
        """For JSON."""
        target = self.target
        return {
            "kind": target.kind,
            "name": target.name,
            "origin": target.origin,
            "version": target.version,
            "revision": target.spec.get("revision"),
            "preset": target.preset,
            "device": target.device,
            "ran": self.ran,
            "ok": self.passed,
            "checks": [asdict(result) for result in self.results],
        }
