"""Metrics of predicted classes and of their order, by scikit-learn.

Each function is a :class:`~cytobench.contract.MetricFunction`: ``true`` int64 (n,), then ``predicted`` int64 (n,) or
``probabilities`` float64 (n, columns), and ``labels``, the classes that count. A predicted class that does not count,
one left to training alone, is a wrong answer everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = tuple[str, ...]
Numbers = NDArray[np.int64]
Values = NDArray[np.float64]


def accuracy(true: Numbers, predicted: Numbers, labels: Labels) -> float:
    """Share of right predictions."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(true, predicted))


def f1_macro(true: Numbers, predicted: Numbers, labels: Labels) -> float:
    """Mean F1 over all classes that count; 0 for one that is neither there nor predicted (``zero_division=0``)."""
    return _f1(true, predicted, labels, "macro")


def f1_weighted(true: Numbers, predicted: Numbers, labels: Labels) -> float:
    """Mean F1, each class with the weight of its images."""
    return _f1(true, predicted, labels, "weighted")


def auc_macro(true: Numbers, probabilities: Values, labels: Labels) -> float | None:
    """Mean over the classes present of the area under the ROC curve of each against the rest; None under two classes.

    It is Mann and Whitney's U as a share, from the ranks of each column (``scipy.stats.rankdata``): what
    ``roc_auc_score`` says, in a tenth of its time. It needs only the order within a column, so that columns are used as
    saved: dividing rows that sum to 1 but for rounding by their sum would break ties.
    """
    from scipy.stats import rankdata

    counts = np.bincount(true, minlength=len(labels))[: len(labels)]
    present = np.flatnonzero(counts)
    if len(present) < 2:
        return None
    ranks = rankdata(probabilities[:, present], axis=0)
    below = np.array([ranks[true == number, place].sum() for place, number in enumerate(present)])
    of_class = counts[present]
    return float(np.mean((below - of_class * (of_class + 1) / 2) / (of_class * (len(true) - of_class))))


def balanced_accuracy(true: Numbers, predicted: Numbers, labels: Labels) -> float:
    """Mean recall over the classes present."""
    from sklearn.metrics import balanced_accuracy_score

    return float(balanced_accuracy_score(true, predicted))


def mcc(true: Numbers, predicted: Numbers, labels: Labels) -> float:
    """Matthews' correlation coefficient, for several classes as of Gorodkin (2004); 0 for a constant guess."""
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(true, predicted))


def recall(true: Numbers, predicted: Numbers, labels: Labels) -> Values:
    """Share of each class's images that are predicted as it, float64 (classes,)."""
    from sklearn.metrics import recall_score

    return _of_each_class(recall_score, true, predicted, labels)


def precision(true: Numbers, predicted: Numbers, labels: Labels) -> Values:
    """Share of the predictions of each class that are right, 0 for one that is never predicted, float64 (classes,)."""
    from sklearn.metrics import precision_score

    return _of_each_class(precision_score, true, predicted, labels)


def f1(true: Numbers, predicted: Numbers, labels: Labels) -> Values:
    """F1 of each class, float64 (classes,)."""
    from sklearn.metrics import f1_score

    return _of_each_class(f1_score, true, predicted, labels)


def _f1(true: Numbers, predicted: Numbers, labels: Labels, average: str) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(true, predicted, labels=np.arange(len(labels)), average=average, zero_division=0))


def _of_each_class(score: Callable[..., Any], true: Numbers, predicted: Numbers, labels: Labels) -> Values:
    """A value a class; not-a-number for a class without an image, of which nothing can be said."""
    values = score(true, predicted, labels=np.arange(len(labels)), average=None, zero_division=0)
    present = np.bincount(true, minlength=len(labels)) > 0
    return np.where(present, values, np.nan)
