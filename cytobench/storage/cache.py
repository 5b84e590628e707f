"""What earlier runs know, in the user's cache: digests of pixels, data sets drawn, records that were checked."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from cytobench._home import expanded, home_folder

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
    try:
        return _mark(kind, key).exists()
    except OSError:  # a folder that may not be read
        return False


def remember(kind: str, key: str) -> None:
    """Remember that what the content address ``key`` stands for was found right. A cache that cannot be written is
    done without.
    """
    try:
        mark = _mark(kind, key)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()  # an empty file: it is there or not, never half there
    except OSError:
        return


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
