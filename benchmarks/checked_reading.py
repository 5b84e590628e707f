"""What it costs to hold every image that is read against the digest it was planned with.

    OMP_NUM_THREADS=1 python benchmarks/checked_reading.py [FOLDER] [--rounds 3]

Trains `clip` at the preset pocket on one fold of phantom and of FOLDER (a folder of classes; its first images are
written as TIFFs of 400 x 400 px, deflated, as microscopes leave them), with the check and without, in turn, in one
process, and prints the CPU time of each and their ratio; beside it what reading one image costs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from cytobench.config.benchmark import make_benchmark
from cytobench.config.resolve import resolve
from cytobench.decode import decode_image, pixel_digest
from cytobench.images import FilePixels, Images
from cytobench.pipeline.plan import make_planner
from cytobench.pipeline.stages.train import TrainStage, plan_training
from cytobench.pipeline.work import run_stage
from cytobench.plugins import load_plugins

PER_CLASS = 40
SIDE = 400
REPEATS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        measure("phantom", "phantom", root / "phantom", arguments.rounds)
        if arguments.folder is not None:
            cells = root / "cells"
            count = write_tiffs(arguments.folder, cells)
            measure(str(cells), f"{count} TIFFs of {SIDE} x {SIDE} px", root / "store", arguments.rounds)


def measure(dataset: str, title: str, store: Path, rounds: int) -> None:
    """Time one training with the check and without, in turn."""
    values = {"dataset": dataset, "preset": "pocket", "classifier": ["clip"], "device": "cpu", "fold": [0], "folds": 3}
    resolved = resolve(make_benchmark(values, "options"), load_plugins())
    stage = plan_training(make_planner(resolved, store), resolved.trials[0], None).build()
    first = stage.train.pixels[0]
    assert isinstance(first, FilePixels)
    decoding = cpu_time(lambda: decode_image(first.path), REPEATS)
    pixels = decode_image(first.path)
    digesting = cpu_time(lambda: pixel_digest(pixels), REPEATS)
    print(f"{title}: reading an image {1e3 * decoding:.2f} ms, its check {1e3 * digesting:.2f} ms")
    seconds: dict[bool, list[float]] = {True: [], False: []}
    train(stage, False)  # imports, first work
    for number in range(2 * rounds):
        checked = number % 2 == 0
        seconds[checked].append(train(stage, checked))
    with_check, without = statistics.median(seconds[True]), statistics.median(seconds[False])
    print(
        f"  training on {len(stage.train)} and {len(stage.val)} images: {with_check:.2f} s of CPU time with the check "
        f"({listed(seconds[True])}), {without:.2f} s without ({listed(seconds[False])}): "
        f"{100 * (with_check / without - 1):+.1f} %"
    )
    checks = (len(stage.train) + len(stage.val)) * digesting
    print(f"  the checks alone, each image once: {checks:.3f} s, {100 * checks / without:.2f} %")


def listed(seconds: list[float]) -> str:
    """All of them, shortly."""
    return ", ".join(f"{second:.2f}" for second in seconds)


def train(stage: TrainStage, checked: bool) -> float:
    """CPU seconds of a training in a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        work = replace(stage.work, store=Path(folder))
        if not checked:
            stage = replace(stage, train=unchecked(stage.train), val=unchecked(stage.val))
        began = time.process_time()
        run_stage(replace(stage, work=work))
        return time.process_time() - began


def unchecked(images: Images) -> Images:
    """The same images without their digests."""
    return replace(images, pixels=[replace(each, digest=None) for each in images.pixels])  # type: ignore[type-var]


def cpu_time(work: Callable[[], object], times: int) -> float:
    """CPU seconds of one call."""
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


def write_tiffs(source: Path, target: Path) -> int:
    """The first images of each class, scaled to SIDE; returns how many there are."""
    count = 0
    for folder in sorted(entry for entry in source.iterdir() if entry.is_dir()):
        (target / folder.name).mkdir(parents=True)
        for file in sorted(folder.iterdir())[:PER_CLASS]:
            image = Image.fromarray(decode_image(file)).resize((SIDE, SIDE))
            image.save(target / folder.name / f"{file.stem}.tif", compression="tiff_adobe_deflate")
            count += 1
    return count


if __name__ == "__main__":
    main()
