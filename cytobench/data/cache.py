"""Where decoded-pixel digests and drawn data sets are kept between runs."""

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


@cache
def _temporary() -> Path:
    """The same folder throughout a process, which removes it at its end."""
    folder = Path(mkdtemp(prefix="cytobench-cache-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    logger.warning(
        "you have no home folder, so that nothing is remembered between commands; name one with CYTOBENCH_CACHE"
    )
    return folder
