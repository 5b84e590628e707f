"""What figures of fidelity are worth at few images, and what they cost: ``python benchmarks/fidelity.py bias``.

``bias`` prints FID and KID of two samples of one distribution (standard normal, 64 features) by the number of images:
all that they show is the number of images. ``intervals`` prints how often the 95 % interval of a KID holds the distance
of the whole distributions.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from cytobench.metrics.fidelity.distances import kid, kid_subset_size
from cytobench.metrics.fidelity.features import FeatureArray, FeatureSet
from cytobench.metrics.fidelity.measure import measure


def normal(rng: np.random.Generator, n: int, features: int, shift: float = 0.0) -> FeatureArray:
    """Float32 (n, features), independent, of mean ``shift`` and variance 1."""
    return (rng.normal(size=(n, features)) + shift).astype(np.float32)


def bias(repetitions: int) -> None:
    """FID by torch-fidelity, below the number of features too, where cytobench gives none."""
    rng = np.random.default_rng(0)
    print("two samples of one distribution, 64 features: mean and standard deviation over", repetitions, "pairs")
    for n in (50, 100, 200, 500, 2000):
        fids, kids = [], []
        for _ in range(repetitions):
            pair = normal(rng, n, 64), normal(rng, n, 64)
            statistics = [fid_features_to_statistics(torch.from_numpy(features)) for features in pair]
            fids.append(fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID])
            kids.append(kid(*pair, kid_subset_size(n, n)))
        print(
            f"n {n:5}  FID {np.mean(fids):6.2f} +- {np.std(fids):.2f}   KID {np.mean(kids):8.5f} +- {np.std(kids):.5f}"
        )


def intervals(repetitions: int) -> None:
    """How many hold the distance of the whole distributions: the mean over 20 pairs of samples of 4,000."""
    for features, shift, n_real, n_synthetic in ((16, 0.3, 40, 40), (64, 0.2, 200, 100), (64, 0.0, 100, 100)):
        rng = np.random.default_rng(1)
        pairs = [(normal(rng, 4000, features), normal(rng, 4000, features, shift)) for _ in range(20)]
        truth = float(np.mean([kid(*pair, 1000, subsets=10) for pair in pairs]))
        n_covering = 0
        for repetition in range(repetitions):
            sides = [
                FeatureSet(normal(rng, n, features, by), ["A"] * n, [None] * n)
                for n, by in ((n_real, 0.0), (n_synthetic, shift))
            ]
            figure = measure(sides[0], sides[1], repetition).kid
            assert figure is not None and figure.low is not None and figure.high is not None
            n_covering += figure.low <= truth <= figure.high
        print(
            f"{features} features, means {shift} apart, {n_real} and {n_synthetic} images: KID {truth:.4f}, "
            f"held by {n_covering} of {repetitions} intervals"
        )


def main() -> None:
    """Print one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["bias", "intervals"])
    parser.add_argument("--times", type=int, default=20, help="repetitions (default: 20)")
    options = parser.parse_args()
    {"bias": bias, "intervals": intervals}[options.what](options.times)


if __name__ == "__main__":
    main()
