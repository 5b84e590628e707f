"""What it costs that plugins work in processes of their own: ``python benchmarks/isolation.py [OPTIONS of a run]``.

Runs one benchmark as a user does, in fresh processes with fresh stores, in turns with ``--in-process`` and without it,
and prints wall and CPU seconds of each. Also checks that both leave the same bytes of images, checkpoints and
predictions. Without options of a run it is all five folds of ``benchmarks/demo.toml``. A machine that has other work
tells little by wall seconds; CPU seconds suffer less.

Exits with 1 if bytes differ, or if the cost by wall seconds is above the goal in runs that are long enough to tell.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

DEMO = [str(Path(__file__).parent / "demo.toml"), *(option for fold in range(5) for option in ("--fold", str(fold)))]
GOAL = 0.02
LONG_ENOUGH = 15 * 60
"""Seconds of a run in which the start of a few processes is judged."""
PROGRAM = "from cytobench.cli import main; main()"


@dataclass(frozen=True)
class Timed:
    """One run. CPU seconds are those of all its processes."""

    isolated: bool
    wall_s: float
    cpu_s: float


def timed(arguments: list[str], isolated: bool, out: Path) -> Timed:
    """Run a benchmark into a new folder; ends the script where the run fails."""
    command = [sys.executable, "-c", PROGRAM, "run", *arguments, "--out", str(out), "--quiet"]
    environment = {name: value for name, value in os.environ.items() if name != "CYTOBENCH_IN_PROCESS"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [*command, *([] if isolated else ["--in-process"])],
        stdout=subprocess.DEVNULL,
        env=environment,
        check=False,
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"isolation: the run ended with {done.returncode}")
    return Timed(isolated, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def outcome(out: Path) -> dict[str, str]:
    """The digest of each file that a run left whose bytes do not tell when or how long: no JSON."""
    return {
        file.relative_to(out).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(out.rglob("*"))
        if file.is_file() and file.suffix != ".json"
    }


def cost(runs: list[Timed], what: str) -> float:
    """How much longer a run is with processes of plugins' own, by medians, as a share."""
    in_workers, in_process = (
        statistics.median(getattr(run, what) for run in runs if run.isolated is isolated) for isolated in (True, False)
    )
    return in_workers / in_process - 1


def main() -> int:
    """Run in turns and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1, help="pairs of runs (default: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found here")
    options, arguments = parser.parse_known_args()
    runs: list[Timed] = []
    digests: list[dict[str, str]] = []
    with TemporaryDirectory(prefix="cytobench-isolation-") as scratch:
        for number in range(options.rounds):
            # The order turns round, so that a machine that slows down favours neither.
            for isolated in (False, True) if number % 2 == 0 else (True, False):
                out = Path(scratch) / f"{number}-{isolated}"
                runs.append(timed(arguments or DEMO, isolated, out))
                digests.append(outcome(out))
                where = "of their own" if isolated else "of the run"
                print(f"processes {where:12} {runs[-1].wall_s:8.1f} s wall {runs[-1].cpu_s:8.1f} s CPU", flush=True)
    same = all(bytes_of_run == digests[0] for bytes_of_run in digests)
    long_enough = min(run.wall_s for run in runs) >= LONG_ENOUGH
    print(f"cost: {cost(runs, 'wall_s'):+.1%} wall, {cost(runs, 'cpu_s'):+.1%} CPU; the goal is {GOAL:.0%}")
    print(f"bytes of images, checkpoints and predictions: {'the same' if same else 'NOT THE SAME'}")
    if not long_enough:
        print(f"shorter than {LONG_ENOUGH // 60} minutes: the start of the processes weighs more than in a long run")
    if options.json:
        result = {"arguments": arguments or DEMO, "runs": [asdict(run) for run in runs], "same_bytes": same}
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return int(not same or (long_enough and cost(runs, "wall_s") > GOAL))


if __name__ == "__main__":
    sys.exit(main())
