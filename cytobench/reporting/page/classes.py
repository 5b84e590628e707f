"""Class by class: F1 of the rows that the verdict is about, with the numbers of real images, and what is mixed up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cytobench.analysis.comparison.candidates import Candidate
from cytobench.errors import UserError
from cytobench.metrics.confusion import count
from cytobench.reporting.page.gather import Group
from cytobench.reporting.page.tables import columns
from cytobench.reporting.page.verdict import Verdict
from cytobench.reporting.tables import Cell, Table, TableRow
from cytobench.storage.records import Record, predictions_of


def shown_rows(group: Group, judged: Verdict) -> list[Candidate]:
    """The rows to look at class by class: what the verdict compares, and the control beside it; else the best ones."""
    if judged.headline is not None:
        pair = judged.headline.pair
        rows = [pair.reference, pair.row, *([judged.control] if judged.control else [])]
    else:
        rows = list(group.candidates[:2])
    return list({id(row): row for row in rows}.values())


def class_tables(group: Group, rows: Sequence[Candidate]) -> list[Table]:
    """F1 and recall of every class, and the most frequent mistakes of each row; none where predictions are missing."""
    counted = [(row, counts) for row in rows if (counts := confusion(row)) is not None]
    if not counted:
        return []
    first = rows[0].first
    tested = counted[0][1].sum(axis=1)
    same = all(set(row.trials) == set(rows[0].trials) for row, _ in counted)
    if not same or any((counts.sum(axis=1) != tested).any() for _, counts in counted):
        return []  # of other test images: beside each other they would be compared
    numbers = ("real images", "predictions", *(f"F1, {row.name}" for row, _ in counted))
    scores = [f1(counts) for _, counts in counted]
    rows_of_classes = []
    for i, label in enumerate(first.evaluated):
        real = first.dataset.classes.get(label, 0)
        cells = [Cell(label), Cell(f"{real:,}", str(real)), Cell(f"{int(tested[i]):,}", str(int(tested[i])))]
        top = max(score[i] for score in scores)
        cells += [
            Cell(f"{score[i]:.3f}", str(score[i]), bool(len(scores) > 1 and score[i] == top > 0)) for score in scores
        ]
        rows_of_classes.append(TableRow(tuple(cells)))
    note = "F1 over the images of all folds together; the highest of a class in bold, whatever its interval."
    return [
        Table(
            f"F1 class by class: {group.section.title}",
            columns("class", *numbers, numbers=numbers),
            tuple(rows_of_classes),
            (note,),
        ),
        *_mistakes(counted, first.evaluated),
    ]


def confusion(row: Candidate) -> NDArray[np.int64] | None:
    """Counts (true, predicted) of a row over its finished trials, or None where predictions are missing."""
    split, _ = row.section.ranked_by
    total: NDArray[np.int64] | None = None
    for record, file in row.trials.values():
        try:
            predictions = predictions_of(record, file)
        except UserError:
            return None
        chosen = predictions[predictions["split"] == "test"]
        if split == "test_real":
            chosen = chosen[~chosen["synthetic"].astype(bool)]
        part = count(chosen["label"].tolist(), chosen["predicted"].tolist(), record.evaluated, _more(record))
        total = part if total is None else total + part
    return total


def _more(record: Record) -> list[str]:
    return [label for label in record.dataset.labels if label not in record.evaluated]


def f1(counts: NDArray[np.int64]) -> list[float]:
    """F1 of each true class of counts (true, predicted): 2 TP / (2 TP + FP + FN), 0 for a class never met."""
    n = len(counts)
    right = np.diagonal(counts)
    every = counts.sum(axis=1) + counts.sum(axis=0)[:n]
    return [float(2 * hit / both) if both else 0.0 for hit, both in zip(right, every, strict=True)]


MISTAKES = 6
"""Kinds of mistakes that are named of a row."""


def _mistakes(counted: Sequence[tuple[Candidate, NDArray[np.int64]]], labels: Sequence[str]) -> list[Table]:
    mistakes = []
    for row, counts in counted:
        wrong = counts.copy()
        np.fill_diagonal(wrong, 0)
        names = [*labels, *_more(row.first)]
        for flat in np.argsort(wrong, axis=None)[::-1][:MISTAKES]:
            i, j = np.unravel_index(int(flat), wrong.shape)
            if wrong[i, j]:
                number, of = int(wrong[i, j]), int(counts[i].sum())
                share = Cell(f"{number} of {of} ({100 * number / of:.0f} %)", str(number))
                mistakes.append(TableRow((Cell(row.name), Cell(labels[int(i)]), Cell(names[int(j)]), share)))
    named = columns("row", "true class", "taken for", "images", numbers=["images"])
    return [Table("The most frequent mistakes", named, tuple(mistakes))] if mistakes else []
