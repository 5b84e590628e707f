"""The folder of what can be made again at any time: drawn data sets, and digests of decoded pixels."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``CYTOBENCH_CACHE``, else ``XDG_CACHE_HOME/cytobench``, else ``~/.cache/cytobench``."""
    named = os.environ.get("CYTOBENCH_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cytobench"
