"""Images of one class from a generator tuned on shots of the whole data set, as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cytobench.atomic import write_bytes
from cytobench.config.benchmark import make_benchmark
from cytobench.config.resolve import resolve
from cytobench.data.cache import cache_folder
from cytobench.data.prompts import read_prompts
from cytobench.decode import encode_png
from cytobench.errors import UserError, arguments, option
from cytobench.pipeline.plan import make_planner
from cytobench.pipeline.planned import State
from cytobench.pipeline.stages.sample import plan_sample
from cytobench.pipeline.work import run_stage
from cytobench.plugins import Plugins, load_plugins
from cytobench.protocols import Fold, refuse_unlisted


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
    plugins: Plugins | None = None,
) -> tuple[Path, int | None]:
    """Write ``out/LABEL/0.png`` to ``n - 1``; returns that folder and how many shots there were.

    There are no shots (None) of what was made or tuned elsewhere.

    Fits and images are kept in ``store`` (the cache folder by default), so more images of the same class are quick.
    Raises UserError for a user's mistake, among them a folder that already holds files.
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
    for fit in sample.fits:
        if fit.state is not State.PRESENT:
            run_stage(fit.build())
    run_stage(sample.build())
    images, _ = sample.images[label]
    for i, pixels in enumerate(images.pixels(n)):
        write_bytes(folder / f"{i}.png", encode_png(pixels.read()))
    if ready.made_elsewhere:
        return folder, None
    return folder, sum(int((planner.labels[fit.rows] == label).sum()) for fit in sample.fits)
