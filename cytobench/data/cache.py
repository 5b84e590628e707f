"""Where decoded-pixel digests and drawn data sets are kept between runs."""

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
