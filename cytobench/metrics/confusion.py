"""A confusion matrix, and what follows from its counts alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """``counts`` is int64 (true, predicted): images of each true class by the class that was predicted.

    ``predicted`` begins with the classes of ``true`` in the same order; more may follow, which are no true class (those
    left to training alone). ``source`` names the row or the figure, ``notes`` are sentences that belong under it.
    """

    source: str
    title: str
    true: tuple[str, ...]
    predicted: tuple[str, ...]
    counts: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    @property
    def shares(self) -> NDArray[np.float64]:
        """Each count as a share (0 to 1) of its row's images; 0 in a row without images."""
        return _divided(self.counts, self.counts.sum(axis=1, keepdims=True))

    @property
    def accuracy(self) -> float:
        """Share of all images on the diagonal."""
        return float(np.trace(self.counts) / self.counts.sum())

    @property
    def f1_macro(self) -> float:
        """Mean over the true classes of 2 TP / (2 TP + FP + FN), 0 for a class that is neither there nor predicted.

        Of all images together, which is not the mean over folds of a table.
        """
        n = len(self.true)
        right = np.diagonal(self.counts)
        return float(_divided(2 * right, self.counts.sum(axis=1) + self.counts.sum(axis=0)[:n]).mean())

    @property
    def summary(self) -> str:
        """Images, accuracy and macro F1 in one line."""
        images = int(self.counts.sum())
        return f"{images:,} images; accuracy {self.accuracy:.3f}, macro F1 {self.f1_macro:.3f}, all together"


def count(
    true: Sequence[str], predicted: Sequence[str], classes: Sequence[str], more: Sequence[str]
) -> NDArray[np.int64]:
    """The counts of n true and n predicted labels, int64 (``classes``, ``classes`` and then ``more``)."""
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(list(true), list(predicted), labels=[*classes, *more])
    return np.asarray(counts[: len(classes)], dtype=np.int64)


def _divided(values: NDArray[np.int64], by: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(values, by, out=np.zeros(np.broadcast_shapes(values.shape, by.shape)), where=by > 0)
