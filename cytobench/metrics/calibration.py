"""Metrics of probabilities as such: does a classifier that says 90 % have it right in nine of ten?

Functions as in :mod:`cytobench.metrics.classification`.
"""

from __future__ import annotations

import numpy as np

from cytobench.metrics.classification import Labels, Numbers, Values

BINS = 15


def ece(true: Numbers, probabilities: Values, labels: Labels) -> float:
    """Expected calibration error, 0 to 1: by how much confidence and accuracy differ (Guo et al. 2017).

    The confidence of a prediction is its highest probability. Predictions are put into 15 bins (lo, hi] of equal width
    by it; the differences of mean confidence and accuracy in each are averaged, weighted by their predictions.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == true
    number = np.digitize(confidence, np.linspace(0, 1, BINS + 1), right=True).clip(1, BINS) - 1
    return float(np.abs(np.bincount(number, confidence - right)).sum() / len(true))


def log_loss(true: Numbers, probabilities: Values, labels: Labels) -> float:
    """Mean of -ln of the probability of the true class (scikit-learn: a probability of 0 counts as 2.2e-16)."""
    from sklearn.metrics import log_loss

    return float(log_loss(true, probabilities, labels=np.arange(probabilities.shape[1])))
