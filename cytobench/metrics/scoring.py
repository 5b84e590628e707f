"""Metrics applied to predictions, each guarded: one that fails is named, and spoils nothing else."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cytobench.contract import MetricSpec
from cytobench.errors import UserError
from cytobench.metrics.built_in import STUDY
from cytobench.metrics.metric import Metric

if TYPE_CHECKING:
    import pandas as pd

EXTERNAL = "external"
"""The split of an outside test set."""
SPLITS = ("validation", "validation_real", "test", "test_real", EXTERNAL)
"""What may be predicted, in the order of tables; ``_real`` are the clean real images alone, where a protocol has both.
"""
_LONGEST = 200
"""Characters of a stranger's message that are kept."""


class Scores(NamedTuple):
    """What metrics say of predictions, by the metric's name."""

    values: dict[str, float | None]
    """None where a metric has no value here, for want of probabilities or of classes, and where it failed."""
    failed: dict[str, str]
    """Why a metric failed: ``raised ValueError: ...`` or ``gave nan``."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predictions as metrics take them; see :class:`~cytobench.contract.MetricFunction`."""

    labels: tuple[str, ...]
    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None


def scores(
    evaluated: Sequence[str],
    true: Sequence[str],
    predicted: Sequence[str],
    probabilities: NDArray[np.floating] | None,
    columns: Sequence[str],
    metrics: Iterable[Metric] = STUDY,
) -> Scores:
    """Score n predictions.

    ``evaluated`` are the classes of the benchmark, ``true`` and ``predicted`` n labels each.
    ``probabilities`` is an array (n, columns) or None, ``columns`` the label of each column. A prediction
    of a class that is not evaluated (one left to training alone) counts as wrong.

    Raises UserError for no predictions, a true label that is not evaluated, a missing column, or a
    probability that is no finite number.
    """
    numbered = _numbered(evaluated, true, predicted, probabilities, columns)
    calls = _Calls(numbered)
    returned = {metric.name: calls.value(metric) for metric in metrics}
    return Scores(
        values={name: value for name, (value, _) in returned.items()},
        failed={name: why for name, (_, why) in returned.items() if why},
    )


def scores_by_split(
    predictions: pd.DataFrame, evaluated: Sequence[str], metrics: Iterable[Metric] = STUDY
) -> dict[str, dict[str, float | None]]:
    """The values of :func:`score_splits`."""
    return {split: scores.values for split, scores in score_splits(predictions, evaluated, metrics).items()}


def score_splits(
    predictions: pd.DataFrame, evaluated: Sequence[str], metrics: Iterable[Metric] = STUDY
) -> dict[str, Scores]:
    """Scores of each split of a table ``path, split, label, predicted, synthetic, p_LABEL...``.

    Those of an outside test set (:data:`EXTERNAL`) are over the evaluated classes that it has.
    """
    metrics = tuple(metrics)
    columns = [name.removeprefix("p_") for name in predictions.columns if str(name).startswith("p_")]
    return {
        str(split): scores(
            [label for label in evaluated if split != EXTERNAL or label in set(table["label"])],
            table["label"].tolist(),
            table["predicted"].tolist(),
            table[[f"p_{label}" for label in columns]].to_numpy() if columns else None,
            columns,
            metrics,
        )
        for split, table in predictions.groupby("split", sort=False)
    }


class _Calls:
    """Calls metrics; of the classes of one spec all values come from a single call."""

    def __init__(self, predicted: Predicted) -> None:
        self._predicted = predicted
        self._returned: dict[MetricSpec, tuple[Any, str]] = {}

    def value(self, metric: Metric) -> tuple[float | None, str]:
        """The value, None where there is none, and why the metric failed, empty where it did not."""
        predictions = self._predicted
        if metric.spec.needs_probabilities and predictions.probabilities is None:
            return None, ""
        if metric.label is not None and metric.label not in predictions.labels:
            return None, ""
        if metric.spec not in self._returned:
            self._returned[metric.spec] = self._call(metric)
        returned, why = self._returned[metric.spec]
        if why or returned is None:
            return None, why
        try:
            value = float(returned if metric.label is None else returned[predictions.labels.index(metric.label)])
        except (TypeError, ValueError, IndexError):
            return None, f"gave {_short(repr(returned))}"
        if metric.label is not None and math.isnan(value):
            return None, ""  # of a class that has none
        return (value, "") if math.isfinite(value) else (None, f"gave {value}")

    def _call(self, metric: Metric) -> tuple[Any, str]:
        predictions = self._predicted
        guess = predictions.probabilities if metric.spec.needs_probabilities else predictions.predicted
        assert guess is not None  # asked before
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return metric.load()(predictions.true, guess, predictions.labels), ""
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a stranger's code may raise anything, or call sys.exit
            return None, _short(f"raised {type(error).__name__}: {error}")


def _numbered(
    evaluated: Sequence[str],
    true: Sequence[str],
    predicted: Sequence[str],
    probabilities: NDArray[np.floating] | None,
    columns: Sequence[str],
) -> Predicted:
    if len(true) == 0:
        raise UserError("there are no predictions to score.")
    unknown = sorted(set(true) - set(evaluated))
    if unknown:
        raise UserError(f"label {unknown[0]} is not among the evaluated classes: {', '.join(evaluated)}.")
    others = [label for label in dict.fromkeys((*columns, *sorted(set(predicted)))) if label not in set(evaluated)]
    labels = [*evaluated, *others]
    number = {label: i for i, label in enumerate(labels)}
    return Predicted(
        labels=tuple(evaluated),
        true=_fixed(np.array([number[label] for label in true], dtype=np.int64)),
        predicted=_fixed(np.array([number[label] for label in predicted], dtype=np.int64)),
        probabilities=None if probabilities is None else _fixed(_columns(labels, true, probabilities, columns)),
    )


def _columns(
    labels: Sequence[str], true: Sequence[str], probabilities: NDArray[np.floating], columns: Sequence[str]
) -> NDArray[np.float64]:
    """The columns in the order of ``labels``; 0 for a class without a column, which has no image."""
    missing = [label for label in labels if label in set(true) and label not in columns]
    if missing:
        raise UserError(f"there are images of class {missing[0]} but no probabilities p_{missing[0]}.")
    if not np.isfinite(probabilities).all():
        raise UserError("a probability is no finite number, so that there is no AUC.")
    ordered = np.zeros((len(true), len(labels)))
    for i, label in enumerate(labels):
        if label in columns:
            ordered[:, i] = probabilities[:, columns.index(label)]
    return ordered


def _fixed(array: NDArray[Any]) -> NDArray[Any]:
    """The same, not to be written to: what one metric does must not reach another."""
    array.flags.writeable = False
    return array


def _short(text: str) -> str:
    return (text.splitlines() or [""])[0][:_LONGEST]
