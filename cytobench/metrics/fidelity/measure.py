"""The fidelity of synthetic images to real ones, from features: figures, their intervals, and the floor beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cytobench._keys import derive_seed
from cytobench.metrics.fidelity.distances import TooFew, fid, kid, kid_subset_size, precision_recall
from cytobench.metrics.fidelity.features import FeatureArray, FeatureSet
from cytobench.metrics.fidelity.interval import Statistic, half_widths
from cytobench.metrics.fidelity.resampling import FEWEST_UNITS, Units

SPLITS = 5
"""Splits of the real images in halves behind a floor."""


@dataclass(frozen=True)
class Figure:
    """A value with the ends of its 95 % interval, both None where there is none."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Floor:
    """The figures between disjoint halves of the real images: about the best that synthetic images could reach.

    Each is the mean over the splits; ``halves`` are the numbers of images of each. None where the halves are too small.
    """

    kid: float | None
    fid: float | None
    precision: float | None
    recall: float | None
    halves: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Fidelity:
    """How near synthetic images are to real ones.

    ``reasons`` says why what is None is None: ``kid``, ``kid.interval``, ``floor``, ``floor.kid`` and the like.
    """

    n_real: int
    n_synthetic: int
    kid: Figure | None
    kid_subset_size: int | None
    """Images a side of each of the subsets that the KID is the mean over."""
    fid: Figure | None
    precision: Figure | None
    recall: Figure | None
    floor: Floor | None
    copying: Mapping[str, Any] | None = None
    """What the test for copies of the shots found; None where it was not made."""
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Metric:
    names: tuple[str, ...]
    on_all: Statistic
    on_subsample: Statistic
    subsamples: int
    """How many the interval comes from."""
    most: int | None
    """About the most images a side of a subsample; None for half of all."""
    lowest: float
    highest: float


def measure(real: FeatureSet, synthetic: FeatureSet, seed: int) -> Fidelity:
    """Every figure that the numbers of images allow; the same seed gives the same figures."""
    metrics = _metrics(derive_seed(seed, "kid"))
    figures: dict[str, Figure | None] = {}
    reasons: dict[str, str] = {}
    for metric in metrics:
        try:
            values = metric.on_all(real.features, synthetic.features)
        except TooFew as few:
            figures |= dict.fromkeys(metric.names)
            reasons |= dict.fromkeys(metric.names, str(few))
            continue
        widths: Sequence[float | None]
        try:
            widths = half_widths(
                *(real, synthetic, metric.on_subsample, metric.subsamples, metric.most),
                seed=derive_seed(seed, "interval", *metric.names),
            )
        except TooFew as few:
            widths = [None] * len(values)
            reasons |= {f"{name}.interval": str(few) for name in metric.names}
        for name, value, width in zip(metric.names, values, widths, strict=True):
            figures[name] = _figure(value, width, metric)
    floor = _floor(real, metrics, derive_seed(seed, "floor"), reasons)
    size = kid_subset_size(len(real), len(synthetic)) if figures["kid"] else None
    return Fidelity(
        n_real=len(real),
        n_synthetic=len(synthetic),
        kid=figures["kid"],
        kid_subset_size=size,
        fid=figures["fid"],
        precision=figures["precision"],
        recall=figures["recall"],
        floor=floor,
        reasons=reasons,
    )


def _metrics(seed: int) -> tuple[_Metric, ...]:
    def kid_of_all(real: FeatureArray, synthetic: FeatureArray) -> tuple[float, ...]:
        return (kid(real, synthetic, kid_subset_size(len(real), len(synthetic)), seed=seed),)

    def fid_of_all(real: FeatureArray, synthetic: FeatureArray) -> tuple[float, ...]:
        return (fid(real, synthetic),)

    return (
        _Metric(("kid",), kid_of_all, _kid_of_subsample, subsamples=100, most=1000, lowest=-math.inf, highest=math.inf),
        # Eigenvalues of matrices of the features' size are slow, so there are few subsamples.
        _Metric(("fid",), fid_of_all, fid_of_all, subsamples=10, most=None, lowest=0.0, highest=math.inf),
        _Metric(
            *(("precision", "recall"), precision_recall, precision_recall),
            subsamples=100,
            most=1000,
            lowest=0.0,
            highest=1.0,
        ),
    )


def _kid_of_subsample(real: FeatureArray, synthetic: FeatureArray) -> tuple[float, ...]:
    """The smaller side whole, against subsets of the larger one that hold each of its images about four times."""
    size = min(len(real), len(synthetic))
    times = -(-max(len(real), len(synthetic)) // size)
    return (kid(real, synthetic, size, subsets=1 if times == 1 else min(40, 4 * times)),)


def _figure(value: float, width: float | None, metric: _Metric) -> Figure:
    if width is None:
        return Figure(value, None, None)
    return Figure(value, max(metric.lowest, value - width), min(metric.highest, value + width))


def _floor(real: FeatureSet, metrics: Sequence[_Metric], seed: int, reasons: dict[str, str]) -> Floor | None:
    units = Units.of(real.groups)
    if len(units) < FEWEST_UNITS:
        reasons["floor"] = f"needs at least {FEWEST_UNITS} groups of real images, or images without one"
        return None
    rng = np.random.default_rng(seed)
    splits = [units.halves(rng) for _ in range(SPLITS)]
    means: dict[str, float | None] = {}
    for metric in metrics:
        try:
            values = [metric.on_all(real.features[first], real.features[second]) for first, second in splits]
        except TooFew as few:
            means |= dict.fromkeys(metric.names)
            why = f"comes from halves of the real images, and the figure {few}"
            reasons |= dict.fromkeys((f"floor.{name}" for name in metric.names), why)
            continue
        means |= dict(zip(metric.names, (float(mean) for mean in np.mean(values, axis=0)), strict=True))
    return Floor(**means, halves=[(len(first), len(second)) for first, second in splits])
