"""One start of a program: its work folder, its request, and what is said where it fails."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cytobench.assets import refuse_changes
from cytobench.context import Context
from cytobench.errors import CytobenchError, setting
from cytobench_command.line import fill_line
from cytobench_command.program import TimeLimit, last_lines, run_program

SCHEMA = 1
"""Raised when a key of a request changes its meaning or goes away."""
SEEDS = 2**31
"""Seeds in requests lie below: every language's generator takes them, and JSON numbers hold them exactly."""
LOG = "log.txt"
SHOWN = 2000
"""How many of the last characters of a log an error shows."""


def common_request(task: str, work: Path, ctx: Context) -> dict[str, Any]:
    """The keys that every request has."""
    return {
        "schema": SCHEMA,
        "task": task,
        "work": str(work),
        "device": ctx.device,
        "dtype": ctx.dtype,
        "workers": ctx.workers,
        "labels": list(ctx.labels),
    }


def fresh_folder(path: Path) -> Path:
    """An empty folder at this path, absolute and without links, whatever was there."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path.resolve()


def run_job(option: str, line: str, request: Mapping[str, Any], seconds: float, ctx: Context) -> None:
    """Write ``request.json`` into the work folder and run the program; its log is ``ctx.out/log.txt``.

    Raises CytobenchError if it ends with an error or not in time, with the last lines it wrote, and ChangedFile if a
    file that it was planned with has changed by its end.
    """
    file = Path(request["work"]) / "request.json"
    file.write_text(json.dumps(request, indent=1, ensure_ascii=False), encoding="utf-8")
    plain = {name: value for name, value in request.items() if isinstance(value, (str, int, type(None)))}
    values = {name: "" if value is None else str(value) for name, value in plain.items()}
    arguments = fill_line(line, {**values, "request": str(file)})
    log = ctx.out / LOG
    try:
        code = run_program(arguments, log, seconds, ctx.stop)
    except TimeLimit as error:
        raise CytobenchError(
            f"command.{option}: {line} was ended after {seconds:g} s, its time limit. Give it longer with "
            f"{setting('command', 'timeout', 'SECONDS')}.{_last_output(log)}"
        ) from error
    if code != 0:
        raise CytobenchError(f"command.{option}: {line} ended with exit code {code}.{_last_output(log)}")
    refuse_changes(ctx.assets)


def _last_output(log: Path) -> str:
    text = last_lines(log, SHOWN)
    return f" The last it wrote:\n{text}" if text else " It wrote nothing."
