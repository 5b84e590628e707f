"""Which files are opened, by whomever: also those that libraries read without Python. Linux alone can tell."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

_OPENED, _FOLDER = 0x20, 0x40000000
"""``IN_OPEN`` and ``IN_ISDIR`` of inotify(7)."""


class Opened:
    """Watches a folder from the moment it is made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._library = ctypes.CDLL(None, use_errno=True)
        self._queue = self._library.inotify_init1(os.O_NONBLOCK)
        inner = [path for path in folder.rglob("*") if path.is_dir()]
        self._places = {self._watch(place): place for place in [folder, *inner]}

    def files(self) -> set[str]:
        """The files opened so far, relative to the folder; ends the watch."""
        opened = set()
        try:
            while events := os.read(self._queue, 1 << 16):
                at = 0
                while at < len(events):
                    watch, mask, _, length = struct.unpack_from("iIII", events, at)
                    name = events[at + 16 : at + 16 + length].rstrip(b"\0").decode()
                    at += 16 + length
                    if name and not mask & _FOLDER:
                        opened.add((self._places[watch] / name).relative_to(self._folder).as_posix())
        except BlockingIOError:  # no more events
            os.close(self._queue)
        return opened

    def _watch(self, place: Path) -> int:
        watch: int = self._library.inotify_add_watch(self._queue, os.fsencode(place), _OPENED)
        assert watch >= 0, os.strerror(ctypes.get_errno())
        return watch
