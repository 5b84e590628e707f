"""What a check is, and what comes out of one."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cytobench.errors import UserError

Status = Literal["passed", "warned", "failed", "left out"]

LOADS = "loads"
"""The check that every other one of its kind needs."""


class Failed(Exception):
    """The rule is broken; the message says how that showed."""


class Warned(Exception):
    """Something to look at that breaks no rule."""


class LeftOut(Exception):
    """The check says nothing about this plugin; the message says why."""


@dataclass(frozen=True)
class Check:
    """One rule, in a sentence, and the function that raises :class:`Failed` where a subject breaks it."""

    name: str
    rule: str
    function: Callable[[Any], None]
    needs: tuple[str, ...] = ()
    """Checks of the same kind that say nothing new if this one is made after they failed."""


@dataclass(frozen=True)
class Result:
    """What came out of one check. ``detail`` says why it did not pass; ``trace`` is the traceback of an exception."""

    check: str
    rule: str
    status: Status
    detail: str = ""
    seconds: float = 0.0
    trace: str = ""


def require(holds: bool, message: str) -> None:
    """Raise :class:`Failed` with the message unless the condition holds."""
    if not holds:
        raise Failed(message)


def outcome(function: Callable[[], None]) -> tuple[Status, str, str]:
    """Status, detail and traceback of one call. Whatever it raises but a user's mistake while loading is a failure."""
    try:
        function()
    except Failed as error:
        cause = error.__cause__
        return "failed", str(error), "".join(traceback.format_exception(cause)) if cause else ""
    except Warned as error:
        return "warned", str(error), ""
    except LeftOut as error:
        return "left out", str(error), ""
    except BaseException as error:  # SystemExit and KeyboardInterrupt of a plugin are failures as well
        return "failed", raised(error), "".join(traceback.format_exception(error))
    return "passed", "", ""


def raised(error: BaseException) -> str:
    """An exception in one line: type, first line of its message, and the place that raised it."""
    first = (str(error).strip().splitlines() or [""])[0]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    kind = "" if isinstance(error, UserError) else f"raised {type(error).__name__}: "
    return f"{kind}{first}{place}"
