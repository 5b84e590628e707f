"""A guide in Markdown as something to do: its files are written and its commands run, in the order of the page.

- A block ``console`` has commands, each behind ``$ ``; the lines below a command are what it prints on stdout, with
  ``...`` for what may differ.
- A block ``python`` or ``toml`` below a line that is a path alone, ```path`:``, is that file, whole.

All else is left alone.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from layered import Layered

_BLOCK = re.compile(r"(?:^`(?P<path>[^`\n]+)`:\n\n)?^```(?P<kind>console|python|toml)\n(?P<text>.*?)^```$", re.M | re.S)
_COMMAND = re.compile(r"^\$ (?P<command>.*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.M)


@dataclass(frozen=True)
class Command:
    """A command line, and what the guide says that it prints."""

    line: str
    output: str


@dataclass(frozen=True)
class File:
    """A file, relative to the folder that the guide is in at that point."""

    path: str
    text: str


@dataclass(frozen=True)
class Done:
    """A command that ran."""

    command: Command
    stdout: str
    stderr: str
    code: int
    seconds: float
    """By the clock."""
    cpu: float
    """Seconds of CPU time, of it and all that it waited for."""


@dataclass(frozen=True)
class Written:
    """A file that was written, and how many of its lines that are not empty are new."""

    file: File
    lines: int


def steps(text: str) -> Iterator[Command | File]:
    """The steps of a guide in order."""
    for block in _BLOCK.finditer(text):
        if block["kind"] == "console":
            for command in _COMMAND.finditer(block["text"]):
                yield Command(command["command"], command["output"])
        elif block["path"]:
            yield File(block["path"], block["text"])


def walk(text: str, environment: Layered, folder: Path) -> Iterator[Done | Written]:
    """Do what a guide says, beginning in ``folder``; ``cd`` changes where the next step is."""
    for step in steps(text):
        if isinstance(step, File):
            yield _write(step, folder)
        elif step.line.startswith("cd "):
            folder = folder / step.line.removeprefix("cd ")
        else:
            began, used = time.perf_counter(), _cpu()
            done = environment.run(step.line, folder)
            seconds, cpu = time.perf_counter() - began, _cpu() - used
            yield Done(step, done.stdout, done.stderr, done.returncode, seconds, cpu)


def _cpu() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _write(file: File, folder: Path) -> Written:
    path = folder / file.path
    before = path.read_text() if path.exists() else ""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(file.text)
    changes = list(unified_diff(before.splitlines(), file.text.splitlines(), n=0))[2:]
    return Written(file, sum(1 for line in changes if line.startswith("+") and line[1:].strip()))
