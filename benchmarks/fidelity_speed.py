"""What a fidelity costs: ``python benchmarks/fidelity_speed.py ../shared/data/pbc``.

The images of a folder of classes are divided: 16 of each class are shots, and the others in turn real and synthetic
ones. All figures are measured over all classes and of each, without a test for copies and with it, and each again with
every feature known. It prints seconds for 1,000 images, and how often an image went through the network, counted by a
hook on the network itself.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from cytobench.pipeline.environment import device_info
from cytobench.pipeline.fidelity.compare import compare
from cytobench.pipeline.fidelity.copies import Tuning, Untested
from cytobench.pipeline.fidelity.extract import FeatureReader, reading, ready_extractor
from cytobench.pipeline.fidelity.folders import open_collection
from cytobench.pipeline.fidelity.part import Part
from cytobench.plugins import load_plugins
from cytobench.protocols import find_protocol
from cytobench_torch.features import Prepared

SHOTS = 16
WITHOUT = Untested("not asked for", tuned=False)


@dataclass
class Counter:
    """Images that went through the network."""

    passes: int = 0

    def __call__(self, module: torch.nn.Module, inputs: Any) -> None:
        """Count a batch."""
        if isinstance(module, Prepared):
            self.passes += len(inputs[0])


@contextmanager
def counted() -> Iterator[Counter]:
    """Count every batch that a network takes."""
    counter = Counter()
    handle = register_module_forward_pre_hook(counter)
    try:
        yield counter
    finally:
        handle.remove()


def divided(part: Part) -> dict[str, Part]:
    """Shots, real and synthetic images; of copies in the folder one is kept."""
    first = {digest: row for row, digest in reversed(list(enumerate(part.digests)))}
    rows: dict[str, list[int]] = {"shots": [], "real": [], "synthetic": []}
    seen: dict[str, int] = {}
    for row in sorted(first.values()):
        label = part.labels[row]
        number = seen[label] = seen.get(label, 0) + 1
        rows["shots" if number <= SHOTS else "real" if number % 2 else "synthetic"].append(row)
    return {name: part.take(of_part) for name, of_part in rows.items()}


def measure(reader: FeatureReader, parts: dict[str, Part], classes: tuple[str, ...], copies: bool, title: str) -> None:
    """Print what one comparison took."""
    tuning = Tuning(parts["shots"], parts["real"]) if copies else WITHOUT
    with counted() as counter:
        start, busy = time.perf_counter(), time.process_time()
        compare(reader, parts["real"], parts["synthetic"], classes, 0, tuning)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
    images = len(parts["real"]) + len(parts["synthetic"]) + (len(parts["shots"]) if copies else 0)
    print(
        f"{title}: {seconds:.1f} s ({busy:.1f} s of CPU time) for {images} images, for 1,000 "
        f"{1000 * seconds / images:.1f} s ({1000 * busy / images:.1f} s); {counter.passes} passes, "
        f"{counter.passes / images:.2f} an image"
    )


def main() -> None:
    """Measure four times in one cache."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder of classes")
    parser.add_argument("--extractor", default="lite0", choices=["lite0", "clip", "dinov2"])
    parser.add_argument("--preset", default="paper", choices=["paper", "pocket"])
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    extractor = ready_extractor(options.extractor, {}, load_plugins(), options.preset)
    with TemporaryDirectory() as cache, reading(extractor, Path(cache), options.device) as reader:
        collection = open_collection(options.folder, "folder", find_protocol("strict").view, Path(cache))
        parts = divided(collection.part)
        reader.features(parts["shots"].images.take([0]), parts["shots"].digests[:1])  # loads the network
        device = device_info(options.device)["name"]
        print(
            f"{options.extractor} on {device}, {torch.get_num_threads()} thread(s), {len(collection.classes)} classes"
        )
        measure(reader, parts, collection.classes, False, "figures")
        measure(reader, parts, collection.classes, False, "the same again, every feature known")
        measure(reader, parts, collection.classes, True, "with the test for copies")
        measure(reader, parts, collection.classes, True, "the same again, every feature known")


if __name__ == "__main__":
    main()
