"""Checks made in another process, one after the other: a crash or a hang is a failed check and nothing more."""

from __future__ import annotations

import json
import shutil
import time
import weakref
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from cytobench.errors import UserError
from cytobench.storage.cache import cache_folder
from cytobench.testing.checks import LOADS, Check, Result
from cytobench.testing.kinds import KINDS
from cytobench.testing.process import Died, Process, TimeUp
from cytobench.testing.target import Target

LIMIT = 120.0
"""Seconds a check may take."""


class Session:
    """Results of checks by target and name, each made once. Outputs on record lie in the cache folder."""

    def __init__(self, limit: float = LIMIT) -> None:
        folder = Path(mkdtemp(prefix="cytobench-check-"))
        self._process = Process(folder, limit, own_group=True)
        self._results: dict[tuple[str, str], Result] = {}
        self._records = cache_folder() / "conformance"
        self.close = weakref.finalize(self, _end, self._process, folder)
        """End the process and remove its folder; done at the latest when Python ends."""

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def results(self, target: Target) -> Iterator[Result]:
        """Make every check of a target's kind. Raises UserError for a user's mistake in its options."""
        for check in KINDS[target.kind].checks:
            yield self.result(target, check.name)

    def result(self, target: Target, name: str) -> Result:
        """Make one check, after those that it needs. Raises UserError for a user's mistake in the options."""
        key = (json.dumps(asdict(target), sort_keys=True, default=str), name)
        if key not in self._results:
            check = KINDS[target.kind].check(name)
            self._results[key] = self._without(target, check) or self._make(target, check)
        return self._results[key]

    def _without(self, target: Target, check: Check) -> Result | None:
        """The result of a check that says nothing new, because of another one."""
        for name in (LOADS, *check.needs):
            if name == check.name:
                continue
            needed = self.result(target, name)
            if needed.status == "failed":
                return Result(check.name, check.rule, "left out", f"{name} failed")
            if needed.status == "left out":
                return Result(check.name, check.rule, "left out", needed.detail)
        return None

    def _make(self, target: Target, check: Check) -> Result:
        start = time.monotonic()
        reply: dict[str, Any]
        try:
            reply = self._process.check(target, check.name, self._records)
        except (Died, TimeUp) as error:
            reply = {"status": "failed", "detail": str(error), "trace": ""}
        if "mistake" in reply:
            raise UserError(reply["mistake"])
        seconds = time.monotonic() - start
        return Result(check.name, check.rule, reply["status"], reply["detail"], seconds, reply["trace"])


def _end(process: Process, folder: Path) -> None:
    process.close()
    shutil.rmtree(folder, ignore_errors=True)
