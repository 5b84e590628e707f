"""Scores of a file of predictions, by the computations behind every leaderboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cytobench.data.class_names import OTHER_NAMES
from cytobench.data.findings import like_labels
from cytobench.errors import UserError
from cytobench.exchange.submitted.predictions import Predictions, rows_text
from cytobench.metrics.built_in import STUDY
from cytobench.metrics.metric import Metric
from cytobench.metrics.scoring import scores
from cytobench.plugins.metrics import of_class

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("label", "predicted")
"""The columns that predictions must have to be scored."""


def score(predictions: Predictions, metrics: Sequence[Metric] = STUDY) -> dict[str | None, dict[str, Any]]:
    """``n`` (images) and each metric by its name, of each split; of all rows, under None, where there is no column
    ``split``. Where metrics failed, ``failed`` says why, by name.

    The classes are all of the file (labels, predictions and columns of probabilities): one that is neither there nor
    predicted counts 0 in macro F1. The AUC is over classes present; None without probabilities and with fewer than two
    classes present. Rows of several folds are taken together. Raises UserError for a file of one class, for a metric of
    a class that the file has not, and for an image that is predicted twice in a split (and, where folds are named, in a
    fold).
    """
    table, columns = predictions.table, predictions.classes
    _refuse_twice(predictions)
    classes = sorted({*table["label"], *table["predicted"], *columns})
    if len(classes) < 2:
        raise UserError(f"{predictions.source} knows one class alone, {classes[0]}: there is nothing to tell apart.")
    metrics = [of_class(metric, classes, OTHER_NAMES) for metric in metrics]
    groups: list[tuple[str | None, pd.DataFrame]] = [(None, table)]
    if "split" in table:
        groups = [(name, table[table["split"] == name]) for name in table["split"].unique()]
    result: dict[str | None, dict[str, Any]] = {}
    for name, group in groups:
        values, failed = scores(
            classes,
            group["label"].tolist(),
            group["predicted"].tolist(),
            group[[f"p_{label}" for label in columns]].to_numpy() if columns else None,
            columns,
            metrics,
        )
        result[name] = {"n": len(group), **values, **({"failed": failed} if failed else {})}
    return result


def plain_scores(scores: dict[str | None, dict[str, Any]]) -> dict[str, Any]:
    """Scores as JSON has them: those of the one split, or all under ``splits``."""
    return next(iter(scores.values())) if len(scores) == 1 else {"splits": scores}


def failures(scores: Mapping[str | None, Mapping[str, Any]]) -> list[str]:
    """The metrics that failed, each with the reason it had first."""
    failed: dict[str, str] = {}
    for values in scores.values():
        failed = {**values.get("failed", {}), **failed}
    return [f"metric {name} failed: {why}" for name, why in failed.items()]


def notes_on(predictions: Predictions) -> list[str]:
    """What is odd and no mistake. Raises UserError if no prediction at all is one of the labels."""
    strange, notes = _strange_predictions(predictions), list(predictions.notes)
    table = predictions.table
    if alike := like_labels({*table["label"], *table["predicted"], *predictions.classes}):
        notes.append(f"{alike}; each way counts as a class")
    if strange:
        listing = ", ".join(map(repr, strange))
        notes.append(f"predicted, and the label of no image: {listing}; macro F1 counts them as classes")
    return notes


def _strange_predictions(predictions: Predictions) -> list[str]:
    """What is predicted and no image is, where no column of probabilities says that it is a class; sorted.

    It may be a rare class, or a label misspelt, and counts as a class either way.
    """
    labels, predicted = set(predictions.table["label"]), set(predictions.table["predicted"])
    if predictions.classes:
        return []
    if not labels & predicted:
        raise UserError(
            f"{predictions.source}: no prediction is one of its labels (predicted: {_few(predicted)}; labels: "
            f"{_few(labels)}). Write both with the same names."
        )
    return sorted(predicted - labels)


def _few(names: set[str]) -> str:
    first = sorted(names)[:3]
    return ", ".join(first) + (", ..." if len(names) > len(first) else "")


def _refuse_twice(predictions: Predictions) -> None:
    table = predictions.table
    if "path" in table:
        twice = table.duplicated([name for name in ("path", "split", "fold") if name in table])
        if twice.any():
            path = table.loc[twice, "path"].iloc[0]
            raise UserError(f"{predictions.source}: {path} is predicted twice ({rows_text(twice)}).")
