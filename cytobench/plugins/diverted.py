"""What strangers' code prints goes to stderr, so that stdout holds results alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

_STDOUT, _STDERR = 1, 2


class _Diversion:
    """The one of this process: begun by the first of several that overlap, perhaps in threads, ended by the last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._depth = 0
        self._stream: Any = None
        self._descriptor: int | None = None

    def enter(self) -> None:
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._begin()

    def leave(self) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                self._end()

    def _begin(self) -> None:
        _flush(sys.stdout)
        self._stream, sys.stdout = sys.stdout, sys.stderr
        # Processes that a plugin starts inherit the descriptor, and native code writes to it.
        with suppress(OSError):  # closed
            self._descriptor = os.dup(_STDOUT)
            os.dup2(_STDERR, _STDOUT)

    def _end(self) -> None:
        _flush(sys.__stdout__)
        sys.stdout, self._stream = self._stream, None
        if self._descriptor is not None:
            with suppress(OSError):
                os.dup2(self._descriptor, _STDOUT)
            os.close(self._descriptor)
            self._descriptor = None


_diversion = _Diversion()


@contextmanager
def prints_to_stderr() -> Iterator[None]:
    """Within, all that is written to stdout appears on stderr, that of started processes too."""
    _diversion.enter()
    try:
        yield
    finally:
        _diversion.leave()


def _flush(stream: Any) -> None:
    with suppress(AttributeError, OSError, ValueError):  # none, gone or closed
        stream.flush()
