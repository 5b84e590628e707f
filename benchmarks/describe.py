"""How long does a description of a data set take? ``python benchmarks/describe.py ../shared/data/pbc``.

Prints the median wall seconds of ``cytobench data describe PATH`` as a fresh process, with an empty cache (every image
is decoded) and again with the cache of the run before; and of reading the images alone in this process, with images a
second. What reading costs beside the rest, the start of Python and the libraries that count tokens, is the difference.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from cytobench.data.digests import read_digests
from cytobench.data.listing import Listing
from cytobench.data.open import list_path


def described(path: str, cache: Path) -> float:
    """Wall seconds of the command as a fresh process."""
    script = "from cytobench.cli import main; main()"
    command = (sys.executable, "-c", script, "data", "describe", path, "--json")
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, env={**os.environ, "CYTOBENCH_CACHE": str(cache)})
    return time.perf_counter() - start


def read(listing: Listing, cache: Path) -> float:
    """Wall seconds of reading the images in this process."""
    start = time.perf_counter()
    read_digests(listing.root, list(listing.table["path"]), cache)
    return time.perf_counter() - start


def main() -> None:
    """Time cold and warm in turn and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", help="a folder of classes or a manifest")
    parser.add_argument("--times", type=int, default=5, help="how often each is timed (default: 5)")
    options = parser.parse_args()
    listing = list_path(options.path, {})
    seconds: dict[str, list[float]] = {}
    for _ in range(options.times):
        with TemporaryDirectory() as folder:
            for state in ("cold", "warm"):
                seconds.setdefault(f"describe, {state}", []).append(described(options.path, Path(folder, "described")))
                seconds.setdefault(f"reading, {state}", []).append(read(listing, Path(folder, "read")))
    for name, times in seconds.items():
        median, rate = statistics.median(times), len(listing.table) / statistics.median(times)
        print(f"{name:16} {median:.2f} s ({min(times):.2f} to {max(times):.2f}), {rate:,.0f} images/s")


if __name__ == "__main__":
    main()
