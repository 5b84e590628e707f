"""The two kinds of error a user meets, and how their messages name what the user gave.

Everything else is a bug and shows a traceback with ``--debug``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_COMMAND_LINE: ContextVar[bool] = ContextVar("command_line", default=False)

_OPTIONS = {"prompts_file": "--prompts", "as_json": "--json", "chosen": "--shots-chosen", "modules": "--plugin-module"}
"""Options that are not called as their parameter is."""


class CytobenchError(Exception):
    """The work failed: exit code 1. The message names what failed, the value and the way out."""

    exit_code = 1


class UserError(CytobenchError):
    """A user's mistake (an option, a name, a file): exit code 2."""

    exit_code = 2


class ChangedFile(CytobenchError):
    """A file is not what it was when the work was planned: what would be made of it belongs under another key."""


@contextmanager
def on_the_command_line(yes: bool = True) -> Iterator[None]:
    """Within, messages name options; elsewhere they name parameters of the Python API."""
    token = _COMMAND_LINE.set(yes)
    try:
        yield
    finally:
        _COMMAND_LINE.reset(token)


def is_on_the_command_line() -> bool:
    """Whether messages name options; for a process that is to word its messages as the one that started it."""
    return _COMMAND_LINE.get()


def arguments() -> str:
    """What a message calls all that was given, where no file has it: ``options``, or ``arguments`` in Python."""
    return "options" if is_on_the_command_line() else "arguments"


def option(parameter: str, value: object = None) -> str:
    """How a message names a parameter, with its value if one is told: ``--shots 0``, or ``shots=0`` in Python.

    ``parameter`` is the name in Python (``train_only``). True is the value of a flag: ``--quiet``, ``quiet=True``.
    Texts and paths are in quotation marks in Python: ``--select best``, ``select='best'``.
    """
    if not is_on_the_command_line():
        return parameter if value is None else f"{parameter}={_in_python(value)}"
    name = _OPTIONS.get(parameter, f"--{parameter.replace('_', '-')}")
    return name if value is None or value is True else f"{name} {value}"


def setting(plugin: str, key: str, value: object = None) -> str:
    """How a message names an option of a plugin, with its value if one is told.

    ``--set clip.weights=PATH``, or ``set={'clip': {'weights': 'PATH'}}`` in Python.
    """
    if is_on_the_command_line():
        return f"--set {plugin}.{key}" + ("" if value is None else f"={value}")
    return f"set={{{plugin!r}: {{{key!r}: {'...' if value is None else _in_python(value)}}}}}"


def _in_python(value: object) -> str:
    return repr(os.fspath(value)) if isinstance(value, str | os.PathLike) else str(value)
