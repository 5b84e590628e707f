"""The scores of predictions: accuracy, macro F1 and macro one-vs-rest AUC, by scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cytobench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("accuracy", "f1_macro", "auc_macro")
EXTERNAL = "external"
"""The split of an outside test set."""


def scores(
    evaluated: Sequence[str],
    true: Sequence[str],
    predicted: Sequence[str],
    probabilities: NDArray[np.floating] | None,
    columns: Sequence[str],
) -> dict[str, float | None]:
    """Score n predictions: ``accuracy``, ``f1_macro`` and ``auc_macro``, each 0 to 1.

    ``evaluated`` are the classes of the benchmark, ``true`` and ``predicted`` n labels each.
    ``probabilities`` is an array (n, columns) or None, ``columns`` the label of each column. A prediction
    of a class that is not evaluated (one left to training alone) counts as wrong.

    F1 is ``f1_score`` over all evaluated classes, 0 where a class is neither there nor predicted
    (``zero_division=0``). The AUC is the mean of ``roc_auc_score`` of each evaluated class that is present
    against the rest; None without probabilities and with fewer than two classes present. It needs only the
    order within a column, so columns are used as saved: dividing rows that sum to 1 but for rounding by
    their sum would break ties, and the AUC would no longer equal scikit-learn's on the saved predictions.

    Raises UserError for no predictions, a true label that is not evaluated, a missing column, or a
    probability that is no finite number.
    """
    from sklearn.metrics import accuracy_score, f1_score

    if len(true) == 0:
        raise UserError("there are no predictions to score.")
    unknown = sorted(set(true) - set(evaluated))
    if unknown:
        raise UserError(f"label {unknown[0]} is not among the evaluated classes: {', '.join(evaluated)}.")
    f1 = f1_score(list(true), list(predicted), labels=list(evaluated), average="macro", zero_division=0)
    return {
        "accuracy": float(accuracy_score(list(true), list(predicted))),
        "f1_macro": float(f1),
        "auc_macro": None if probabilities is None else _auc(evaluated, true, probabilities, columns),
    }


def scores_by_split(
    predictions: pd.DataFrame, evaluated: Sequence[str]
) -> dict[str, dict[str, float | None]]:
    """Scores of each split of a table ``path, split, label, predicted, synthetic, p_LABEL...``.

    Those of an outside test set (:data:`EXTERNAL`) are over the evaluated classes that it has.
    """
    columns = [name.removeprefix("p_") for name in predictions.columns if str(name).startswith("p_")]
    return {
        str(split): scores(
            [label for label in evaluated if split != EXTERNAL or label in set(table["label"])],
            table["label"].tolist(),
            table["predicted"].tolist(),
            table[[f"p_{label}" for label in columns]].to_numpy() if columns else None,
            columns,
        )
        for split, table in predictions.groupby("split", sort=False)
    }


def _auc(
    evaluated: Sequence[str], true: Sequence[str], probabilities: NDArray[Any], columns: Sequence[str]
) -> float | None:
    from sklearn.metrics import roc_auc_score

    truth = np.asarray(true, dtype=object)
    present = [label for label in evaluated if (truth == label).any()]
    missing = [label for label in present if label not in columns]
    if missing:
        raise UserError(f"there are images of class {missing[0]} but no probabilities p_{missing[0]}.")
    if not np.isfinite(probabilities).all():
        raise UserError("a probability is no finite number, so that there is no AUC.")
    if len(present) < 2:
        return None
    place = {label: i for i, label in enumerate(columns)}
    areas = [roc_auc_score(truth == label, probabilities[:, place[label]]) for label in present]
    return float(np.mean(areas))
