"""The two kinds of error a user meets, and how their messages name what the user gave.

Everything else is a bug and shows a traceback with ``--debug``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_COMMAND_LINE: ContextVar[bool] = ContextVar("command_line", default=False)

_OPTIONS = {"prompts_file": "--prompts", "as_json": "--json", "chosen": "--shots-chosen"}
"""Options that are not called as their parameter is."""


class CytobenchError(Exception):
    """The work failed: exit code 1. The message names what failed, the value and the way out."""

    exit_code = 1


class UserError(CytobenchError):
    """A user's mistake (an option, a name, a file): exit code 2."""

    exit_code = 2


@contextmanager
def on_the_command_line() -> Iterator[None]:
    """Within, messages name options; elsewhere they name parameters of the Python API."""
    token = _COMMAND_LINE.set(True)
    try:
        yield
    finally:
        _COMMAND_LINE.reset(token)


def is_command_line() -> bool:
    """Whether messages name options: what a process that works for this one has to be told."""
    return _COMMAND_LINE.get()


def option(parameter: str, value: object = None) -> str:
    """How a message names a parameter, with its value if one is told: ``--shots 0``, or ``shots=0`` in Python.

    ``parameter`` is the name in Python (``train_only``). True is the value of a flag:
    ``--quiet``, ``quiet=True``.
    """
    if not _COMMAND_LINE.get():
        return parameter if value is None else f"{parameter}={value}"
    name = _OPTIONS.get(parameter, f"--{parameter.replace('_', '-')}")
    return name if value is None or value is True else f"{name} {value}"


def setting(plugin: str, key: str, value: object) -> str:
    """How a message names an option of a plugin: ``--set clip.weights=PATH``, ``set={'clip': {'weights': PATH}}``."""
    if _COMMAND_LINE.get():
        return f"--set {plugin}.{key}={value}"
    return f"set={{{plugin!r}: {{{key!r}: {value}}}}}"
