"""What passes between a run and its worker, pickled.

Both are cytobench, on one machine, of one user, over a pipe that nobody else can open; nothing that is unpickled comes
from a file or a network.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cytobench.pipeline.failures import Failure
from cytobench.pipeline.work import Services, Stage


@dataclass(frozen=True)
class Job:
    """A stage to run, and what of the run its messages go by."""

    call: Callable[[Stage, Services], dict[str, Any]]
    stage: Stage
    levels: Mapping[str, int]
    """The levels of the run's loggers, by name."""
    command_line: bool
    """Whether messages name options."""


@dataclass(frozen=True)
class Ready:
    """The worker has started and waits for jobs."""


@dataclass(frozen=True)
class Progress:
    """A step inside the stage."""

    done: int
    total: int


@dataclass(frozen=True)
class Done:
    """The stage is done."""

    report: dict[str, Any]


Message = Ready | Progress | logging.LogRecord | Done | Failure
"""What a worker sends."""
