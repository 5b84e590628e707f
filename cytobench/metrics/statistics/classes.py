"""Recall and F1 of each class over all folds, with intervals that hold for a handful of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cytobench.metrics.statistics.folds import LEVEL
from cytobench.metrics.statistics.units import grouped, unit_numbers

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Proportion:
    """A share with its 95 % interval, all 0 to 1; ``value`` is None where nothing was counted."""

    value: float | None
    low: float
    high: float


@dataclass(frozen=True)
class ClassScore:
    """Recall and F1 of a class, from so many images of so many groups (None where no groups are known)."""

    label: str
    images: int
    groups: int | None
    recall: Proportion
    f1: Proportion


def per_class(predictions: pd.DataFrame, evaluated: Sequence[str]) -> list[ClassScore]:
    """The scores of each evaluated class, in order, from the test predictions of all folds of a row.

    ``predictions`` has the columns ``path``, ``label``, ``predicted``, ``seed``, and ``group`` (a number, or missing)
    where groups are known. With several seeds each image is predicted once a seed: counts are divided by the seeds, so
    that an image is not taken for several.

    Recall has the Clopper-Pearson interval. F1 = 2J / (1 + J), where J = TP / (TP + FP + FN) is a share of the images
    that are of the class or taken for it (F* of Hand, Christen and Kirielle 2021, Machine Learning 110), so the ends
    of J's Clopper-Pearson interval give those of F1: exact for images drawn at random, whatever their number. A
    bootstrap would give 0 of 4 the interval [0, 0].
    """
    seeds = predictions["seed"].nunique()
    clusters = unit_numbers(predictions) if grouped(predictions) else None
    result = []
    for label in evaluated:
        true = (predictions["label"] == label).to_numpy()
        taken = (predictions["predicted"] == label).to_numpy()
        right, union = true & taken, true | taken
        jaccard = proportion(*_by_cluster(right, union, clusters, seeds), by_group=clusters is not None)
        result.append(
            ClassScore(
                label=label,
                images=predictions.loc[true, "path"].nunique(),
                groups=None if clusters is None else len(set(clusters[true])),
                recall=proportion(*_by_cluster(right, true, clusters, seeds), by_group=clusters is not None),
                f1=Proportion(
                    None if jaccard.value is None else _f1(jaccard.value), _f1(jaccard.low), _f1(jaccard.high)
                ),
            )
        )
    return result


def proportion(successes: NDArray[np.float64], trials: NDArray[np.float64], by_group: bool = False) -> Proportion:
    """A share with its Clopper-Pearson interval (statsmodels), from successes and trials of each group, or in all.

    Where ``by_group``, images of a group are alike, and the number of images is first brought down to the effective one
    of Korn and Graubard (1998, Survey Methodology 24): that with which the variance over groups would be binomial,
    adjusted for the degrees of freedom, and never more than the number of images. Where all or none succeed, groups
    show no variance, and the number of groups is taken. Without any trial the interval is [0, 1].
    """
    from statsmodels.stats.proportion import proportion_confint

    n = float(trials.sum())
    if n == 0:
        return Proportion(None, 0.0, 1.0)
    share = float(successes.sum()) / n
    effective = _effective(successes, trials, share) if by_group else n
    low, high = proportion_confint(share * effective, effective, alpha=1 - LEVEL, method="beta")
    return Proportion(share, max(0.0, float(low)), min(1.0, float(high)))


def _effective(successes: NDArray[np.float64], trials: NDArray[np.float64], share: float) -> float:
    from scipy.stats import t

    present = trials > 0
    groups, n = int(present.sum()), float(trials.sum())
    if groups == 1 or share in (0.0, 1.0):
        return float(min(groups, n))
    residuals = successes[present] - share * trials[present]
    variance = groups / (groups - 1) * float((residuals**2).sum()) / n**2
    if variance == 0:
        return n
    freedom = (t.ppf((1 + LEVEL) / 2, max(n - 1, 1)) / t.ppf((1 + LEVEL) / 2, groups - 1)) ** 2
    return float(min(n, share * (1 - share) / variance * freedom))


def _by_cluster(
    successes: NDArray[np.bool_], trials: NDArray[np.bool_], clusters: NDArray[np.int64] | None, seeds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if clusters is None:
        clusters = np.zeros(len(trials), dtype=np.int64)
    return np.bincount(clusters, successes) / seeds, np.bincount(clusters, trials) / seeds


def _f1(jaccard: float) -> float:
    return 2 * jaccard / (1 + jaccard)
