"""Fig. S8 as published, and its twin at one number of images: how near a run's synthetic images are, class by class.

    python benchmarks/fig_s8.py results/fig-s8-strict [--store DIR] [--least 20]

The study's FIDs are of 1,789 or 3,000 images a class, and FID depends on their number. The twin takes the classes with
at least ``--least`` real test images in every fold, draws from each, on both sides, the same number of images without
replacement (the smallest that any of them has), and measures KID on these, and FID where they are as many as the
features. The results folder must be of a run with ``--extractor``, its store still there: features are read from it.
Writes ``fig_s8.csv`` and ``fig_s8.svg`` into the folder and prints the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from cytobench.analysis.published import published_fids
from cytobench.config.grid import ReadyExtractor
from cytobench.config.resolve import resolve
from cytobench.metrics.fidelity.distances import SMALLEST, TooFew, fid, kid, kid_subset_size
from cytobench.metrics.fidelity.features import FeatureSet
from cytobench.pipeline.fidelity.extract import reading
from cytobench.pipeline.graph import plan_trial
from cytobench.pipeline.plan import make_planner
from cytobench.pipeline.resume import recorded_benchmark
from cytobench.plugins import load_plugins

Sides = tuple[int, FeatureSet, FeatureSet]
"""A fold, the features of its real test images and those of the synthetic images."""


def read_sides(out: Path, store: Path) -> tuple[ReadyExtractor, list[Sides]]:
    """The run's first extractor, and both sides of every fold for its first generator at the largest N."""
    benchmark = recorded_benchmark(out)
    if benchmark is None or not benchmark.extractor:
        raise SystemExit(f"{out} is no results folder of a run with --extractor.")
    resolved = resolve(benchmark, load_plugins())
    extractor, n = resolved.extractors[0], max(resolved.benchmark.synthetic or (0,))
    first = next((trial for trial in resolved.trials if trial.arm.n == n and trial.arm.generator), None)
    if first is None:
        raise SystemExit(f"{out} has no row with synthetic images.")
    sides = []
    planner = make_planner(resolved, store)
    with reading(extractor, store / "features", planner.device) as reader:
        for trial in (trial for trial in resolved.trials if trial.arm == first.arm and not trial.repeat):
            [fidelity] = plan_trial(planner, trial, [extractor]).fidelities
            stage = fidelity.build()
            synthetic = stage.synthetic_part()
            sides.append(
                (
                    trial.fold,
                    FeatureSet(
                        reader.features(stage.real.images, stage.real.digests), stage.real.labels, stage.real.groups
                    ),
                    FeatureSet(
                        reader.features(synthetic.images, synthetic.digests), synthetic.labels, synthetic.groups
                    ),
                )
            )
    return extractor, sides


def twin(sides: Sequence[Sides], least: int, seed: int = 0) -> Iterator[dict[str, object]]:
    """``class, fold, images, kid, fid`` of every class with enough real images, all of one number of images."""
    counts = pd.DataFrame([pd.Series(real.labels).value_counts() for _, real, _ in sides]).fillna(0).min()
    labels = [str(label) for label in counts[counts >= least].sort_values(ascending=False).index]
    if not labels:
        raise SystemExit(f"no class has {least} real test images in every fold; give a smaller --least.")
    n = min(min(len(real.of(label)), len(synthetic.of(label))) for _, real, synthetic in sides for label in labels)
    rng = np.random.default_rng(seed)
    for label in labels:
        for fold, *both in sides:
            drawn = []
            for side in both:
                features = side.of(label).features
                drawn.append(features[rng.permutation(len(features))[:n]])
            try:
                distance: float | None = fid(*drawn)
            except TooFew:
                distance = None
            yield {
                "class": label,
                "fold": fold,
                "images": n,
                "kid": kid(*drawn, kid_subset_size(n, n)),
                "fid": distance,
            }


def draw(table: pd.DataFrame, title: str, file: Path) -> None:
    """The published bars with their n, and the twin's: means over folds with the sample SD."""
    plt.rcParams.update({"svg.fonttype": "none", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4))
    bars = published_fids()
    left.bar([name for name, _, _ in bars], [value for _, value, _ in bars], color="#9aa5b1")
    for place, (_, value, n) in enumerate(bars):
        left.annotate(f"n = {n:,}", (place, value), ha="center", va="bottom", fontsize=8)
    left.set_title("FID, as published (Fig. S8): numbers of images differ", fontsize=9)
    means = table.groupby("class", sort=False)["kid"].agg(["mean", "std"])
    right.bar(means.index, means["mean"], yerr=means["std"], color="#1f4e79", capsize=3)
    right.axhline(0, color="#888888", linewidth=0.8)
    right.set_title(f"{title}, n = {table['images'].iloc[0]} of each", fontsize=9)
    for axis in (left, right):
        axis.tick_params(axis="x", labelrotation=20, labelsize=8)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def main() -> None:
    """Read the command line, measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="a results folder")
    parser.add_argument("--store", type=Path, help="the run's store (default: OUT/store)")
    parser.add_argument("--least", type=int, default=20, help="real test images a fold that a class needs (20)")
    options = parser.parse_args()
    if options.least < SMALLEST:
        parser.error(f"--least must be at least {SMALLEST}: a KID needs so many images a side")
    extractor, sides = read_sides(options.out, options.store or options.out / "store")
    table = pd.DataFrame(twin(sides, options.least))
    table.to_csv(options.out / "fig_s8.csv", index=False, float_format="%.6f")
    draw(table, f"KID by {extractor.name}", options.out / "fig_s8.svg")
    print(table.groupby("class", sort=False)[["images", "kid", "fid"]].mean().to_string(float_format="%.4f"))


if __name__ == "__main__":
    main()
