"""Images of one class from a generator tuned on shots of the whole data set, as files."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cytobench.atomic import write_bytes
from cytobench.config.benchmark import make_benchmark
from cytobench.config.resolve import resolve
from cytobench.data.prompts import read_prompts
from cytobench.decode import encode_png
from cytobench.errors import UserError, arguments, option
from cytobench.pipeline.graph import told
from cytobench.pipeline.plan import make_planner
from cytobench.pipeline.planned import State
from cytobench.pipeline.stages.copies import plan_copies
from cytobench.pipeline.stages.sample import plan_sample
from cytobench.pipeline.work import run_stage
from cytobench.plugins import Plugins, load_plugins
from cytobench.protocols import Fold, refuse_unlisted
from cytobench.storage.cache import cache_folder

logger = logging.getLogger("cytobench")


@dataclass(frozen=True)
class Generated:
    """What was written, and which of the images asked for are copies."""

    folder: Path
    images: int
    """How many were written."""
    shots: int | None
    """How many it was tuned on; None if it was made or tuned elsewhere."""
    copies: Mapping[int, str]
    """The numbers of images that equal or nearly equal an image of the data set, with the path of that image."""


def generate_images(
    generator: str,
    dataset: str,
    label: str,
    shots: int,
    n: int,
    out: Path,
    *,
    preset: str | None = None,
    select: str = "random",
    seed: int = 42,
    values: Mapping[str, Mapping[str, Any]] | None = None,
    prompts_file: Path | None = None,
    device: str | None = None,
    store: Path | None = None,
    with_real_images: bool = False,
    plugins: Plugins | None = None,
) -> Generated:
    """Write ``out/LABEL/0.png`` to ``n - 1``, without those that equal or nearly equal an image of the data set.

    ``with_real_images`` writes these too, and so does a control, of which they are the point. Fits and images are kept
    in ``store`` (the cache folder by default), so more images of the same class are quick. Raises UserError for a
    user's mistake, among them a folder that already holds files, and where all images are copies.
    """
    plugins = plugins or load_plugins()
    declared = {
        "dataset": dataset,
        "generator": [generator],
        "synthetic": [n],
        "shots": [shots],
        "preset": preset,
        "select": select,
        "seed": seed,
        "device": device,
        "set": values or {},
        "prompts": read_prompts(prompts_file) if prompts_file else {},
    }
    resolved = resolve(make_benchmark(declared, arguments()), plugins)
    label = resolved.dataset.label_of(label)
    folder = out / label
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{option('out', out)}: {folder} already holds files. Give another folder.")
    rows = np.arange(len(resolved.dataset.table))
    refuse_unlisted(resolved.dataset, resolved.protocol, resolved.choice, None, [label])
    everything = Fold(0, rows, rows[:0], rows[:0], {"train": {label: np.arange(n)}})
    planner, ready = make_planner(resolved, store or cache_folder() / "store"), resolved.generators[0]
    sample = plan_sample(planner, ready, shots, everything, n)
    missing = [fit for fit in sample.fits if fit.state is not State.PRESENT]
    for caution in told(missing):
        logger.warning("caution: %s", caution)
    for fit in missing:
        run_stage(fit.build())
    run_stage(sample.build())
    compared = plan_copies(sample)
    run_stage(compared.build())
    names = dict(zip(resolved.dataset.table["digest"], resolved.dataset.table["path"], strict=True))
    [(_, found, _)] = compared.sets
    copies = {copy.image: names[copy.real] for copy in found.copies(n) if copy.image < n}
    with_real_images = with_real_images or ready.offer.spec.role == "control"
    if len(copies) == n and not with_real_images:
        raise UserError(
            f"all {n} images equal or nearly equal an image of {dataset}, and none is written. Write them all the same "
            f"with {option('with_real_images', True)}; never call them synthetic."
        )
    images, _ = sample.images[label]
    written = 0
    for i, pixels in enumerate(images.pixels(n)):
        if with_real_images or i not in copies:
            write_bytes(folder / f"{i}.png", encode_png(pixels.read()))
            written += 1
    shots_used = sum(int((planner.labels[fit.rows] == label).sum()) for fit in sample.fits)
    return Generated(folder, written, None if ready.made_elsewhere else shots_used, copies)
