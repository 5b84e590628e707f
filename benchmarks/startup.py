"""How long the command line takes to start: ``python benchmarks/startup.py``.

Prints minimum, median and maximum wall seconds of ``cytobench --help`` and ``cytobench plugins``, each as a fresh
process, beside those of importing click, rich and pluggy alone, and of a run that is already done (``--again``).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence


def timed(command: Sequence[str], times: int) -> list[float]:
    """Wall seconds of a command, run ``times`` times after one run that is not counted."""
    found = []
    for _ in range(times + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found.append(time.perf_counter() - start)
    return sorted(found[1:])


def main() -> None:
    """Time the commands and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10, help="runs of each command (default: 10)")
    parser.add_argument("--again", nargs=argparse.REMAINDER, help="arguments of a `cytobench run` that is already done")
    options = parser.parse_args()
    script = "from cytobench.cli import main; main()"
    commands = {
        "import click, rich, pluggy": (sys.executable, "-c", "import click, rich.console, pluggy"),
        "cytobench --help": (sys.executable, "-c", script, "--help"),
        "cytobench plugins": (sys.executable, "-c", script, "plugins"),
    }
    if options.again:
        commands["cytobench run, all done"] = (sys.executable, "-c", script, "run", *options.again)
    for name, command in commands.items():
        found = timed(command, options.times)
        print(f"{name:28} min {found[0]:.2f}  median {statistics.median(found):.2f}  max {found[-1]:.2f} s")


if __name__ == "__main__":
    main()
