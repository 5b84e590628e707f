"""What Python code writes, reads and connects to, and what it leaves lying about.

Python's own calls are seen wherever they go, by an audit hook (PEP 578). What compiled libraries write is seen as far
as it lands in the working, home and temporary folders, which are empty folders while a plugin is checked.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
_CHANGES: Mapping[str, tuple[int, int]] = {
    # event: which arguments are the path that changes and the folder it is relative to (-1: none)
    "os.mkdir": (0, 2),
    "os.rmdir": (0, 1),
    "os.remove": (0, 1),
    "os.rename": (1, 3),
    "os.link": (1, 3),
    "os.symlink": (1, 2),
    "os.truncate": (0, -1),
    "os.chmod": (0, 2),
}
_LOCAL = ("localhost", "127.0.0.1", "::1", "", None)


@dataclass
class Watch:
    """What Python code did while it was on: paths changed outside ``allowed``, files read, hosts asked for."""

    allowed: tuple[str, ...] = ()
    changed: list[str] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    hosts: list[str] = field(default_factory=list)

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take one audit event."""
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int):
                return
            if isinstance(flags, int) and flags & _WRITING:
                self._change(_absolute(path, -1))
            else:
                self.read.add(_absolute(path, -1))
        elif event in _CHANGES:
            which, folder = _CHANGES[event]
            self._change(_absolute(arguments[which], arguments[folder] if folder >= 0 else -1))
        elif event == "socket.getaddrinfo":
            self._host(arguments[0])
        elif event == "socket.connect" and isinstance(arguments[1], tuple):
            self._host(arguments[1][0])

    def _change(self, path: str) -> None:
        if not path.startswith(("/dev/", "/proc/")) and not any(_inside(path, folder) for folder in self.allowed):
            self.changed.append(path)

    def _host(self, host: Any) -> None:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in _LOCAL:
            self.hosts.append(str(name))


_watches: list[Watch] = []
_installed = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for watch in _watches:
        with suppress(Exception):  # a hook that raises would change what the watched code does
            watch.note(event, arguments)


@contextmanager
def watching(*allowed: Path) -> Iterator[Watch]:
    """Watch this process; changes inside ``allowed`` are left unsaid."""
    global _installed
    if not _installed:
        sys.addaudithook(_hook)  # for good: Python has no way to take one off
        _installed = True
    watch = Watch(tuple(os.path.realpath(folder) for folder in allowed))
    _watches.append(watch)
    try:
        yield watch
    finally:
        _watches.remove(watch)


def _absolute(path: Any, folder: Any) -> str:
    text = os.fsdecode(path)
    if isinstance(folder, int) and folder >= 0 and not os.path.isabs(text):
        text = os.path.join(os.path.realpath(f"/proc/self/fd/{folder}"), text)
    parent, name = os.path.split(os.path.abspath(text))
    return os.path.join(os.path.realpath(parent), name)  # a link counts where it lies


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder below a folder, by path in it, with size and time of change (0 for a folder)."""
    entries = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        entries[path.relative_to(folder).as_posix()] = (0, 0) if path.is_dir() else (stat.st_size, stat.st_mtime_ns)
    return entries


class Away:
    """Empty working, home and temporary folders for the time that a plugin is called."""

    NAMES = ("cwd", "home", "tmp")

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment, self.place = dict(os.environ), Path.cwd()
        """Where the user is."""
        for name in self.NAMES:
            (root / name).mkdir(parents=True, exist_ok=True)
        home = root / "home"
        self._elsewhere = {
            **dict.fromkeys(("HOME", "USERPROFILE"), str(home)),
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(root / "tmp")),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "CYTOBENCH_CACHE": str(home / ".cache" / "cytobench"),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_DATA_HOME": str(home / ".local" / "share"),
            "HF_HUB_OFFLINE": "1",
        }

    def __call__(self, function: Callable[[], Any]) -> Any:
        """Call a function there, then go back."""
        os.environ.update(self._elsewhere)
        os.chdir(self.root / "cwd")
        tempfile.tempdir = None  # Python remembers the temporary folder of its first use
        try:
            return function()
        finally:
            os.chdir(self.place)
            os.environ.clear()
            os.environ.update(self.environment)
            tempfile.tempdir = None
