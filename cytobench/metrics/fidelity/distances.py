"""Distances between two sets of features, each by torch-fidelity's own computation.

All take features float32 (n, d). torch-fidelity does not check the names of its options: they are passed here alone,
and a test compares the figures with torch-fidelity called directly.
"""

from __future__ import annotations

import torch
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

from cytobench.metrics.fidelity.features import FeatureArray


class TooFew(Exception):
    """There are too few images for a figure; the message says how many it needs, and goes on from its name."""


SMALLEST = 4
"""Images a side that KID and precision and recall need: subsets of 2, and a third nearest neighbour."""

KID_SUBSETS = 100
"""Subsets whose mean is the KID; torch-fidelity's default."""

KID_LARGEST_SUBSET = 1000
"""torch-fidelity's default size of a subset."""


def kid_subset_size(n_real: int, n_synthetic: int) -> int:
    """Half of the smaller side, 1000 at most. A subset of all images would be the same one a hundred times."""
    return min(KID_LARGEST_SUBSET, min(n_real, n_synthetic) // 2)


def kid(
    real: FeatureArray, synthetic: FeatureArray, subset_size: int, subsets: int = KID_SUBSETS, seed: int = 0
) -> float:
    """Kernel Inception distance (Binkowski et al. 2018): an unbiased squared MMD with a cubic kernel; 0 where equal.

    The mean over ``subsets`` random subsets of ``subset_size`` images a side (at most the smaller n). Raises TooFew
    under 4 images a side.
    """
    _require(real, synthetic, SMALLEST)
    metrics = kid_features_to_metric(
        torch.from_numpy(synthetic),
        torch.from_numpy(real),
        kid_subsets=subsets,
        kid_subset_size=subset_size,
        rng_seed=seed % 2**32,  # numpy's RandomState takes 32 bits
        verbose=False,
    )
    return float(metrics[KEY_METRIC_KID_MEAN])


def fid(real: FeatureArray, synthetic: FeatureArray) -> float:
    """Frechet inception distance (Heusel et al. 2017): of two Gaussians fitted to the features. Biased upwards by 1/n.

    Raises TooFew where a side has fewer images than there are features: a covariance then says nothing.
    """
    _require(real, synthetic, real.shape[1], ", as many as there are features")
    statistics = [fid_features_to_statistics(torch.from_numpy(features)) for features in (synthetic, real)]
    return float(fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID])


def precision_recall(real: FeatureArray, synthetic: FeatureArray) -> tuple[float, float]:
    """Improved precision and recall (Kynkaanniemi et al. 2019), 0 .. 1, with third nearest neighbours.

    Precision: the share of synthetic images within the real images' neighbourhoods; recall the other way round.
    Raises TooFew under 4 images a side.
    """
    _require(real, synthetic, SMALLEST)
    # Distances in pieces: the same figures without one matrix over all pairs.
    metrics = prc_features_to_metric(
        torch.from_numpy(synthetic), torch.from_numpy(real), prc_neighborhood=3, save_cpu_ram=True, verbose=False
    )
    return float(metrics[KEY_METRIC_PRECISION]), float(metrics[KEY_METRIC_RECALL])


def _require(real: FeatureArray, synthetic: FeatureArray, fewest: int, why: str = "") -> None:
    if min(len(real), len(synthetic)) < fewest:
        raise TooFew(f"needs at least {fewest} images a side{why}")
