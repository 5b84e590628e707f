"""Confusion matrices as text: tables with numbered columns, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence

from cytobench.metrics.confusion import ConfusionMatrix


def to_table(matrices: Sequence[ConfusionMatrix]) -> str:
    """Counts, then row shares in percent; a column has the number of its class, which stands before its row."""
    return "\n".join(_table(matrix) for matrix in matrices)


def to_csv(matrices: Sequence[ConfusionMatrix]) -> str:
    """``source,true,predicted,count,row_share``, one line a cell, shares 0 to 1; classes in label order."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["source", "true", "predicted", "count", "row_share"])
    for matrix in matrices:
        shares = matrix.shares
        for i, true in enumerate(matrix.true):
            for j, predicted in enumerate(matrix.predicted):
                writer.writerow([matrix.source, true, predicted, int(matrix.counts[i, j]), f"{shares[i, j]:.6f}"])
    return buffer.getvalue()


def to_json(matrices: Sequence[ConfusionMatrix]) -> str:
    """A list of ``{source, title, notes, true, predicted, counts, row_shares, accuracy, f1_macro}``."""
    values = [
        {
            "source": matrix.source,
            "title": matrix.title,
            "notes": list(matrix.notes),
            "true": list(matrix.true),
            "predicted": list(matrix.predicted),
            "counts": matrix.counts.tolist(),
            "row_shares": matrix.shares.tolist(),
            "accuracy": matrix.accuracy,
            "f1_macro": matrix.f1_macro,
        }
        for matrix in matrices
    ]
    return json.dumps(values, indent=1, allow_nan=False) + "\n"


def _table(matrix: ConfusionMatrix) -> str:
    percent = 100 * matrix.shares
    counts = _grid(matrix, lambda i, j: str(int(matrix.counts[i, j])))
    shares = _grid(matrix, lambda i, j: f"{percent[i, j]:.0f}")
    extra = [f"column {i}: {label}" for i, label in enumerate(matrix.predicted) if i >= len(matrix.true)]
    head = [matrix.title, *matrix.notes, matrix.summary, "Rows: true class. Columns: predicted class, by its number."]
    return "\n".join([*head, *extra, "", *counts, "", "Percent of the row:", *shares, ""])


def _grid(matrix: ConfusionMatrix, text: Callable[[int, int], str]) -> list[str]:
    columns = range(len(matrix.predicted))
    body = [[text(i, j) for j in columns] for i in range(len(matrix.true))]
    header = [str(j) for j in columns]
    widths = [max(len(row[j]) for row in [header, *body]) for j in columns]
    names = [f"{i:>2} {label}" for i, label in enumerate(matrix.true)]
    left = max(map(len, names))
    lines = [(" " * left, header), *zip(names, body, strict=True)]
    return [
        "  ".join([name.ljust(left), *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))])
        for name, cells in lines
    ]
