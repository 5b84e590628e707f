"""How long the command line takes to start: ``python benchmarks/startup.py``.

Prints minimum, median and maximum wall seconds, and the median of CPU seconds, which other work on the machine hardly
changes, of ``cytobench --help``, and of ``cytobench plugins`` with 0, 10 and 50 distributions of third-party plugins
installed beside (``--plugins``), each as a fresh process, beside those of importing click, rich and pluggy alone, and
of a run that is already done (``--again``). A plugin has here its hooks, its options and a heavy part: were one of the
latter two imported, the command would fail.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

HOOKS = """from cytobench.contract import CONTRACT, GeneratorSpec, hookimpl


@hookimpl
def cytobench_generators():
    return [
        GeneratorSpec(
            name="turned-{n}",
            summary="The shots, turned and mirrored.",
            contract=CONTRACT,
            revision=1,
            factory="cytobench_turned_{n}.heavy:Turned",
            fit_config="cytobench_turned_{n}.config:FitConfig",
            sample_config="cytobench_turned_{n}.config:SampleConfig",
            scope="class",
        )
    ]
"""
NOT_TO_BE_IMPORTED = "raise SystemExit('a heavy part was imported to list plugins')\n"


def install(site: Path, plugins: int) -> None:
    """Install so many distributions into a folder, as pip leaves them."""
    for n in range(plugins):
        package = site / f"cytobench_turned_{n}"
        info = site / f"cytobench_turned_{n}-0.1.0.dist-info"
        package.mkdir()
        info.mkdir()
        (package / "__init__.py").write_text(HOOKS.format(n=n))
        for module in ("config", "heavy"):
            (package / f"{module}.py").write_text(NOT_TO_BE_IMPORTED)
        metadata = f"Metadata-Version: 2.1\nName: cytobench-turned-{n}\nVersion: 0.1.0\nRequires-Dist: cytobench\n"
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text(f"[cytobench]\nturned-{n} = cytobench_turned_{n}\n")


def timed(command: Sequence[str], times: int, env: Mapping[str, str]) -> tuple[list[float], list[float]]:
    """Sorted wall and CPU seconds of a command, run ``times`` times after one run that is not counted."""
    wall, cpu = [], []
    for _ in range(times + 1):
        start, used = time.perf_counter(), cpu_seconds()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env)
        wall.append(time.perf_counter() - start)
        cpu.append(cpu_seconds() - used)
    return sorted(wall[1:]), sorted(cpu[1:])


def cpu_seconds() -> float:
    """What finished child processes have used."""
    used = os.times()
    return used.children_user + used.children_system


def main() -> None:
    """Time the commands and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10, help="runs of each command (default: 10)")
    parser.add_argument("--plugins", type=int, nargs="*", default=[0, 10, 50], help="numbers of third-party plugins")
    parser.add_argument("--again", nargs=argparse.REMAINDER, help="arguments of a `cytobench run` that is already done")
    options = parser.parse_args()
    script = "from cytobench.cli import main; main()"
    strict = {**os.environ, "CYTOBENCH_STRICT_PLUGINS": "1"}
    with TemporaryDirectory() as scratch:
        commands: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {
            "import click, rich, pluggy": ((sys.executable, "-c", "import click, rich.console, pluggy"), strict),
            "cytobench --help": ((sys.executable, "-c", script, "--help"), strict),
        }
        for number in options.plugins:
            site = Path(scratch) / str(number)
            site.mkdir()
            install(site, number)
            path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
            named = f"cytobench plugins, {number} installed"
            commands[named] = ((sys.executable, "-c", script, "plugins"), {**strict, "PYTHONPATH": path})
        if options.again:
            commands["cytobench run, all done"] = ((sys.executable, "-c", script, "run", *options.again), strict)
        for name, (command, env) in commands.items():
            wall, cpu = timed(command, options.times, env)
            line = f"{name:32} min {wall[0]:.2f}  median {statistics.median(wall):.2f}  max {wall[-1]:.2f} s"
            print(f"{line}  cpu {statistics.median(cpu):.2f} s", flush=True)


if __name__ == "__main__":
    main()
