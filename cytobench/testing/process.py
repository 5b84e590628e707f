"""Another Python process that runs checks, so that a plugin that crashes or hangs takes nothing else with it.

Requests and replies are lines of JSON. The process has the module search path of this one.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from cytobench.errors import is_on_the_command_line
from cytobench.testing.checks import Failed
from cytobench.testing.state import OWN
from cytobench.testing.target import Target

START = 300.0
"""Seconds that a new process may take until it is ready: importing libraries is no check's time."""


class Died(Exception):
    """The process ended before it replied; the message says how."""


class TimeUp(Exception):
    """No reply came in time; the process was ended."""


class Process:
    """A process that makes checks and errands, started when first asked and again after it died."""

    def __init__(
        self,
        folder: Path,
        limit: float | None = None,
        own_group: bool = False,
        environment: Mapping[str, str] | None = None,
        place: Path | None = None,
    ) -> None:
        """``limit``: seconds a reply may take. ``environment`` and ``place`` (the working folder): this process's."""
        self._folder = folder
        self._limit = limit
        self._own_group = own_group
        self._environment = environment
        self._place = place
        self._starts = 0
        self._running: subprocess.Popen[str] | None = None
        self._replies: queue.Queue[str] = queue.Queue()

    def check(self, target: Target, name: str, records: Path) -> dict[str, Any]:
        """Make one check; returns status, detail and trace. Raises :class:`Died` or :class:`TimeUp`."""
        return self._ask({"target": asdict(target), "check": name, "records": str(records)})

    def errand(self, target: Target, name: str, arguments: Mapping[str, Any]) -> Any:
        """Do an errand and return its result. Raises :class:`~cytobench.testing.checks.Failed` where it fails."""
        try:
            reply = self._ask({"target": asdict(target), "errand": name, "arguments": dict(arguments)})
        except Died as error:
            raise Failed(f"in another process: {error}") from error
        if "result" not in reply:
            reason = next(reply[key] for key in ("failed", "mistake", "detail") if key in reply)
            raise Failed(f"in another process: {reason}")
        return reply["result"]

    def close(self) -> None:
        """End the process, at once, with the processes that it started."""
        running, self._running = self._running, None
        if running is None:
            return
        if self._own_group and hasattr(os, "killpg") and running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.kill()
        running.wait()
        for pipe in (running.stdin, running.stdout):
            if pipe:
                pipe.close()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        running = self._start()
        assert running.stdin is not None
        try:
            running.stdin.write(json.dumps({**request, "command_line": is_on_the_command_line()}) + "\n")
            running.stdin.flush()
        except BrokenPipeError:
            raise Died(self._end()) from None
        return self._reply(self._limit)

    def _reply(self, limit: float | None) -> dict[str, Any]:
        try:
            line = self._replies.get(timeout=limit)
        except queue.Empty:
            self.close()
            raise TimeUp(f"took longer than {limit:g} s") from None
        except BaseException:
            self.close()
            raise
        if not line:
            raise Died(self._end())
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _start(self) -> subprocess.Popen[str]:
        if self._running is not None:
            return self._running
        self._starts += 1
        folder = self._folder / str(self._starts)  # what an earlier one left must not be found by the next
        folder.mkdir(parents=True)
        paths = [os.path.abspath(entry) for entry in sys.path]
        variables = os.environ if self._environment is None else self._environment
        environment = {**variables, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
        with self._log.open("w") as log:
            running = subprocess.Popen(
                [sys.executable, "-P", "-m", "cytobench.testing.worker", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                cwd=self._place,
                text=True,
                encoding="utf-8",
                start_new_session=self._own_group,
            )
        self._replies = queue.Queue()
        arguments = (running.stdout, self._replies)
        threading.Thread(target=_forward, args=arguments, daemon=True, name=f"{OWN} replies").start()
        self._running = running
        self._reply(START)
        return running

    @property
    def _log(self) -> Path:
        return self._folder / f"{self._starts}.txt"

    def _end(self) -> str:
        """How the process ended, with the last line that it printed."""
        assert self._running is not None
        code = self._running.wait()
        self.close()
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        lines = self._log.read_text(errors="replace").strip().splitlines()
        first = next((line for line in lines if line.startswith("Fatal Python error")), lines[-1] if lines else "")
        return f"ended the process {how}{f' ({first.strip()})' if first else ''}"


def _forward(pipe: IO[str], replies: queue.Queue[str]) -> None:
    for line in pipe:
        replies.put(line)
    replies.put("")
