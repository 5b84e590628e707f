"""How far a calibrated plan is from the run it plans: ``python benchmarks/plan_error.py BENCHMARK.toml [--out DIR]``.

Plans the benchmark with ``--dry-run --calibrate``, runs it into a new folder, and prints for each kind of stage the
planned and the measured seconds and bytes. Exits with 1 if the planned time in all is off by more than a quarter.
"""

from __future__ import annotations

import argparse
import sys
from math import fsum
from pathlib import Path
from tempfile import TemporaryDirectory

from cytobench.api import plan, run
from cytobench.storage.records import read_records

TOLERANCE = 0.25


def measured(out: Path) -> dict[tuple[str, str], float]:
    """Seconds of the stages that a run did, each once, by kind and plugin."""
    seconds: dict[tuple[str, str, str | None], tuple[str, float]] = {}
    for record in read_records([out]):
        for stage in record.stages:
            used = record.generator if stage.kind in ("fit", "sample") else record.classifier
            if used is not None:
                seconds[stage.kind, stage.key, stage.label] = (used.name, stage.seconds)
    by_stage: dict[tuple[str, str], list[float]] = {}
    for (kind, _, _), (name, value) in seconds.items():
        by_stage.setdefault((kind, name), []).append(value)
    return {which: fsum(values) for which, values in by_stage.items()}


def main() -> int:
    """Plan, run, compare; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benchmark", type=Path)
    parser.add_argument("--out", type=Path, help="a new folder that is kept; else a temporary one")
    options = parser.parse_args()
    with TemporaryDirectory() as scratch:
        out = options.out or Path(scratch) / "results"
        planned = plan(options.benchmark, out=out, calibrate=lambda text: print(text, file=sys.stderr))
        run(options.benchmark, out=out)
        seconds = measured(out)
        size = sum(file.stat().st_size for file in (out / "store").rglob("*") if file.is_file())
    print(f"{'stage':8} {'plugin':12} {'planned':>9} {'measured':>9}")
    for item in planned.items:
        print(f"{item.kind:8} {item.plugin:12} {item.seconds:9.1f} {seconds.get((item.kind, item.plugin), 0.0):9.1f}")
    whole = fsum(seconds.values())
    error = (planned.seconds or 0.0) / whole - 1
    print(f"{'all':8} {'':12} {planned.seconds:9.1f} {whole:9.1f}  {error:+.1%}, on {planned.device}")
    print(f"store: planned {(planned.bytes or 0) / 2**20:.1f} MiB, measured {size / 2**20:.1f} MiB")
    return int(abs(error) > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
