"""Scores of predictions, by scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("accuracy", "f1_macro", "auc_macro")


def scores(
    evaluated: Sequence[str],
    true: Sequence[str],
    predicted: Sequence[str],
    probabilities: NDArray[np.floating] | None,
    columns: Sequence[str],
) -> dict[str, float | None]:
    """Accuracy, macro F1 and macro one-vs-rest AUC.

    F1 is over all ``evaluated`` classes, 0 where a class is neither there nor predicted (``zero_division=0``). AUC is
    the mean over the evaluated classes that are present of the one-vs-rest area; None without probabilities
    (n, len(columns)) or with fewer than two classes present. Probabilities are normalised by row in float64.
    """
    from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

    truth = np.asarray(true, dtype=object)
    result: dict[str, float | None] = {
        "accuracy": float(accuracy_score(true, predicted)),
        "f1_macro": float(
            f1_score(list(true), list(predicted), labels=list(evaluated), average="macro", zero_division=0)
        ),
        "auc_macro": None,
    }
    present = [label for label in evaluated if (truth == label).any()]
    if probabilities is None or len(present) < 2:
        return result
    exact = np.asarray(probabilities, dtype=np.float64)
    exact = exact / exact.sum(axis=1, keepdims=True)
    place = {label: i for i, label in enumerate(columns)}
    areas = [roc_auc_score(truth == label, exact[:, place[label]]) for label in present]
    result["auc_macro"] = float(np.mean(areas))
    return result


def scores_by_split(predictions: pd.DataFrame, evaluated: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Scores of each split of a table ``path, split, label, predicted, synthetic, p_LABEL...``."""
    columns = [name.removeprefix("p_") for name in predictions.columns if str(name).startswith("p_")]
    return {
        str(split): scores(
            evaluated,
            table["label"].tolist(),
            table["predicted"].tolist(),
            table[[f"p_{label}" for label in columns]].to_numpy() if columns else None,
            columns,
        )
        for split, table in predictions.groupby("split", sort=False)
    }
