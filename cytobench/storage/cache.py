"""What earlier runs know, in the user's cache: digests of pixels, data sets drawn, records that were checked."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from cytobench._home import expanded, home_folder
from cytobench.atomic import write_bytes

logger = logging.getLogger("cytobench")


def cache_folder() -> Path:
    """``CYTOBENCH_CACHE`` if set, else ``cytobench`` in ``XDG_CACHE_HOME`` or ``~/.cache``.

    It is made when first written to. Nothing in it is ever needed: deleting it costs time, no result. Who has neither
    of these variables nor a home folder gets a temporary folder, for as long as the process lives.
    """
    chosen = os.environ.get("CYTOBENCH_CACHE")
    if chosen:
        return expanded(chosen).absolute()
    shared = os.environ.get("XDG_CACHE_HOME")
    if shared:
        return expanded(shared).absolute() / "cytobench"
    home = home_folder()
    return _temporary() if home is None else home / ".cache" / "cytobench"


def is_remembered(kind: str, key: str) -> bool:
    """Whether :func:`remember` was called with these, by any process that has this cache."""
    return recall(kind, key) is not None


def recall(kind: str, key: str) -> str | None:
    """The text that :func:`remember` was called with; None if it was not, or if it cannot be read."""
    try:
        return _mark(kind, key).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def remember(kind: str, key: str, text: str = "") -> None:
    """Remember of the content address ``key`` a short text, or just that what it stands for was found right.

    A cache that cannot be written is done without.
    """
    with suppress(OSError):
        write_bytes(_mark(kind, key), text.encode())


def _mark(kind: str, key: str) -> Path:
    return cache_folder() / kind / key[:2] / key


@cache
def _temporary() -> Path:
    """The same folder throughout a process, which removes it at its end."""
    folder = Path(mkdtemp(prefix="cytobench-cache-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    logger.warning(
        "you have no home folder, so that nothing is remembered between commands; name one with CYTOBENCH_CACHE"
    )
    return folder
