"""Metrics that keep every rule, and beside them one for each rule that breaks it alone."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

nothing = 3
_calls = count()


def sound(true: Any, predicted: Any, labels: Any) -> float:
    """Share of right predictions."""
    return float((true == predicted).mean())


def error(true: Any, predicted: Any, labels: Any) -> float:
    return 1 - sound(true, predicted, labels)


def brier(true: Any, probabilities: Any, labels: Any) -> float:
    wanted = np.eye(probabilities.shape[1])[true]
    return float(((probabilities - wanted) ** 2).sum(axis=1).mean())


def hits(true: Any, predicted: Any, labels: Any) -> Any:
    """Share of each class that is found."""
    return [(predicted[true == i] == i).mean() if (true == i).any() else math.nan for i in range(len(labels))]


def per_cent(true: Any, predicted: Any, labels: Any) -> float:
    return 100 * sound(true, predicted, labels)


def text(true: Any, predicted: Any, labels: Any) -> Any:
    return "good"


def shy(true: Any, predicted: Any, labels: Any) -> Any:
    return None


def needs_an_array(true: Any, probabilities: Any, labels: Any) -> float:
    return float((probabilities.argmax(axis=1) == true).mean())


def restless(true: Any, predicted: Any, labels: Any) -> float:
    return abs(sound(true, predicted, labels) - 1e-6 * next(_calls))


def first(true: Any, predicted: Any, labels: Any) -> float:
    """Weighs the first images more."""
    return float(np.average(true == predicted, weights=np.arange(len(true), 0, -1)))


def least(true: Any, predicted: Any, labels: Any) -> float:
    """Fails where a class is not there."""
    return min(int((predicted[true == i] == i).sum()) / int((true == i).sum()) for i in range(len(labels)))


def of_all(true: Any, predicted: Any, labels: Any) -> float:
    """Not-a-number where a class is not there, which is no value."""
    return float(np.mean(hits(true, predicted, labels)))


def writes(true: Any, predicted: Any, labels: Any) -> float:
    value = sound(true, predicted, labels)
    true[:] = 0
    return value


def by_process(true: Any, predicted: Any, labels: Any) -> float:
    return sound(true, predicted, labels) / (1 + os.getpid() % 1000)


def seeds_numpy(true: Any, predicted: Any, labels: Any) -> float:
    np.random.seed(7)
    return sound(true, predicted, labels)


def writes_here(true: Any, predicted: Any, labels: Any) -> float:
    Path("metric.npy").touch()
    return sound(true, predicted, labels)


def phones(true: Any, predicted: Any, labels: Any) -> float:
    with contextlib.suppress(OSError):
        socket.getaddrinfo("metrics.invalid", 443)
    return sound(true, predicted, labels)


def leaves_thread(true: Any, predicted: Any, labels: Any) -> float:
    threading.Thread(target=threading.Event().wait, daemon=True, name="counter").start()
    return sound(true, predicted, labels)
