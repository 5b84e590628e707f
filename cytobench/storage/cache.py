"""What earlier runs know, in the user's cache: digests of pixels, data sets drawn, records that were checked."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``CYTOBENCH_CACHE`` if set, else ``cytobench`` in ``XDG_CACHE_HOME`` or ``~/.cache``.

    It is made when first written to. Nothing in it is ever needed: deleting it costs time, no result.
    """
    chosen = os.environ.get("CYTOBENCH_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared).expanduser().absolute() if shared else Path.home() / ".cache") / "cytobench"


def is_remembered(kind: str, key: str) -> bool:
    """Whether :func:`remember` was called with these, by any process that has this cache."""
    try:
        return _mark(kind, key).exists()
    except (OSError, RuntimeError):  # no home, or a folder that may not be read
        return False


def remember(kind: str, key: str) -> None:
    """Remember that what the content address ``key`` stands for was found right. A cache that cannot be written is
    done without.
    """
    try:
        mark = _mark(kind, key)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()  # an empty file: it is there or not, never half there
    except (OSError, RuntimeError):
        return


def _mark(kind: str, key: str) -> Path:
    return cache_folder() / kind / key[:2] / key
