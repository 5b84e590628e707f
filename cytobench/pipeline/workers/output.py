"""What a worker writes on stdout and stderr: shown on the run's stderr, the end of it kept for a record."""

from __future__ import annotations

import os
import sys
from codecs import getincrementaldecoder
from collections.abc import Sequence
from multiprocessing.connection import Connection

_TAIL = 8192
"""Bytes kept."""


class Output:
    """The end of a pipe that a worker writes into."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._tail = b""
        self._open = True
        # A character may come in two pieces.
        self._decoder = getincrementaldecoder("utf-8")(errors="replace")

    def pipes(self) -> list[Connection]:
        """What to wait for: none once nobody can write any more."""
        return [self._pipe] if self._open else []

    def take(self, ready: Sequence[object], show: bool) -> None:
        """Read what is there, if the pipe is among those that are ready; show it, or keep it alone."""
        if self._pipe not in ready:
            return
        data = os.read(self._pipe.fileno(), 65536)
        self._open = bool(data)
        self._tail = (self._tail + data)[-_TAIL:]
        if show:
            sys.stderr.write(self._decoder.decode(data))
            sys.stderr.flush()

    def forget(self) -> None:
        """Drop what is kept: it is of an earlier stage."""
        self._tail = b""

    def last_lines(self) -> str:
        """What is kept, as text, without the modules that Python lists where it crashes."""
        lines = self._tail.decode(errors="replace").splitlines()
        return "\n".join(line for line in lines if not line.startswith("Extension modules: ")).strip()

    def close(self) -> None:
        """Close this end."""
        self._open = False
        self._pipe.close()
