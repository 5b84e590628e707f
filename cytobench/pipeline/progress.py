"""Progress of a run: trial, stage, time left. A live line on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cytobench.pipeline.engine import Node


class Display(Protocol):
    """Where progress goes."""

    def started(self, text: str) -> None: ...

    def progress(self, done: int, total: int, left: str) -> None: ...

    def message(self, text: str) -> None: ...

    def close(self) -> None: ...


class TimeLeft:
    """Estimates the time left from the mean seconds of finished stages of the same kind and plugin."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._left = Counter((node.kind, node.plugin) for node in nodes)
        self._seconds: dict[tuple[str, str], list[float]] = {}

    def finished(self, node: Node, seconds: float) -> None:
        """Count a finished stage."""
        self._left[node.kind, node.plugin] -= 1
        self._seconds.setdefault((node.kind, node.plugin), []).append(seconds)

    def text(self) -> str:
        """``about 12 min left``; ``at least`` where a kind of stage has not been seen yet."""
        known, unknown = 0.0, False
        for kind, count in self._left.items():
            seen = self._seconds.get(kind)
            if seen:
                known += count * sum(seen) / len(seen)
            elif count > 0:
                unknown = True
        if unknown:
            return f"at least {_duration(known)} left" if known else "time left unknown yet"
        return f"about {_duration(known)} left"


class RunProgress:
    """Tells a display of stages and trials; the engine's watcher."""

    def __init__(self, nodes: Iterable[Node], trials: int, display: Display) -> None:
        self._nodes = list(nodes)
        self._time_left = TimeLeft(self._nodes)
        self._display = display
        self._trials = trials
        self._done_trials = 0
        self._done_stages = 0
        self._began: dict[str, float] = {}

    def started(self, node: Node) -> None:
        """A stage begins."""
        self._began[node.key] = time.monotonic()
        trial = min(self._done_trials + 1, self._trials)
        place = f"trial {trial}/{self._trials}, stage {self._done_stages + 1}/{len(self._nodes)}"
        self._display.started(f"{place}: {node.title}, {self._time_left.text()}")

    def progress(self, done: int, total: int) -> None:
        """A step inside the running stage."""
        self._display.progress(done, total, self._time_left.text())

    def finished(self, node: Node, seconds: float) -> None:
        """A stage is done; ``seconds`` as reported, or 0 where only the clock knows."""
        elapsed = time.monotonic() - self._began.pop(node.key)
        self._done_stages += 1
        self._time_left.finished(node, elapsed)

    def trial_finished(self, text: str) -> None:
        """A trial is done or failed."""
        self._done_trials += 1
        self._display.message(text)


class PlainDisplay:
    """One line a stage and a trial, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def started(self, text: str) -> None:
        """Print the line of a stage."""
        self._print(text)

    def progress(self, done: int, total: int, left: str) -> None:
        """Steps are not shown in a log."""

    def message(self, text: str) -> None:
        """Print a line."""
        self._print(text)

    def close(self) -> None:
        """Nothing to close."""

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveDisplay:
    """A live line with a bar for the running stage; finished trials scroll above it."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=None)
        self._text = ""
        self._progress.start()

    def started(self, text: str) -> None:
        """Show the stage that runs."""
        self._text = text
        self._progress.reset(self._task, description=text, total=None)

    def progress(self, done: int, total: int, left: str) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=done, total=total)

    def message(self, text: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        self._progress.stop()


class QuietDisplay:
    """Shows nothing."""

    def started(self, text: str) -> None:
        """Show nothing."""

    def progress(self, done: int, total: int, left: str) -> None:
        """Show nothing."""

    def message(self, text: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing to close."""


def open_display(console: Console, quiet: bool) -> Display:
    """The display that fits: nothing, a live line on a terminal, plain lines elsewhere."""
    if quiet:
        return QuietDisplay()
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
