"""Confusion matrices: tables with numbered columns, CSV, JSON and SVG."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence

from cytobench.metrics.confusion import ConfusionMatrix
from cytobench.reporting.tables import Column, Kind, Table, texts
from cytobench.reporting.tables.terminal import text_lines


def to_table(matrices: Sequence[ConfusionMatrix]) -> str:
    """Counts, then row shares in percent; a column has the number of its class, which stands before its row."""
    return "\n".join(_text(matrix) for matrix in matrices)


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


def to_svg(matrices: Sequence[ConfusionMatrix]) -> str:
    """One picture, a matrix below the other."""
    from cytobench.reporting.figures.matrices import whole_matrix  # imports matplotlib
    from cytobench.reporting.figures.output import stacked_svg

    return stacked_svg([whole_matrix(matrix, f"matrix-{number}") for number, matrix in enumerate(matrices, 1)])


FORMATS: Mapping[str, Callable[[Sequence[ConfusionMatrix]], str]] = {
    "table": to_table,
    "csv": to_csv,
    "json": to_json,
    "svg": to_svg,
}


def matrix_tables(matrix: ConfusionMatrix) -> tuple[Table, Table]:
    """Its counts, and its shares in percent of the row."""
    counts = [[str(count) for count in row] for row in matrix.counts.tolist()]
    percent = [[f"{100 * share:.0f}" for share in row] for row in matrix.shares.tolist()]
    return _grid(matrix, counts), _grid(matrix, percent)


def _text(matrix: ConfusionMatrix) -> str:
    counts, percent = (text_lines(table) for table in matrix_tables(matrix))
    extra = [f"column {i}: {label}" for i, label in enumerate(matrix.predicted) if i >= len(matrix.true)]
    head = [matrix.title, *matrix.notes, matrix.summary, "Rows: true class. Columns: predicted class, by its number."]
    return "\n".join([*head, *extra, "", *counts, "", "Percent of the row:", *percent, ""])


def _grid(matrix: ConfusionMatrix, cells: Sequence[Sequence[str]]) -> Table:
    columns = [Column(""), *(Column(str(j), Kind.COUNT) for j in range(len(matrix.predicted)))]
    rows = [[f"{i:>2} {label}", *row] for i, (label, row) in enumerate(zip(matrix.true, cells, strict=True))]
    return texts(columns, rows, matrix.title)
