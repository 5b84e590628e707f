"""The confusion matrix of a row of the leaderboard, from the predictions on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cytobench._text import did_you_mean
from cytobench.analysis.leaderboard import one_per_replicate
from cytobench.analysis.leaderboard.model import Leaderboard, Row, Section
from cytobench.analysis.leaderboard.words import replicates_text, third_party_text
from cytobench.analysis.results import read_results
from cytobench.errors import UserError, option
from cytobench.metrics.confusion import ConfusionMatrix, count
from cytobench.metrics.metric import Metric
from cytobench.plugins import Plugins, load_plugins
from cytobench.storage.records import Record, predictions_of


def recorded_matrix(
    folders: Sequence[Path],
    row: str,
    split: str = "test",
    metric: Sequence[str] = (),
    plugins: Callable[[], Plugins] = load_plugins,
) -> tuple[ConfusionMatrix, list[Record]]:
    """The counts of a row summed over its folds (and seeds) in one split, and the records behind them.

    A note says each ``metric`` named, as the leaderboard has it: a mean over folds.

    Raises UserError for an unknown row or split, a row of this name in several sections, and an incomplete one, naming
    the folds that are missing: a sum over some folds would pass for one over all images.
    """
    results = read_results(folders, metric, plugins)
    files = results.files
    section, of_board = _called(results.board, row)
    if not of_board.complete:
        raise UserError(
            f"{option('row', row)} is incomplete: {replicates_text(of_board.missing, section.seeds)} missing. "
            "Run the benchmark again to finish it."
        )
    by_record = {id(record): file for file, record in files.items()}
    folds = section.folds_declared
    records = one_per_replicate(
        record for record in files.values() if record.row == row and record.protocol.fold in folds
    )
    matrix = summed_matrix(section, of_board, [(record, by_record[id(record)]) for record in records], split)
    notes = [_note(shown, of_board, split) for shown in results.metrics if shown.name in metric]
    return replace(matrix, notes=(*matrix.notes, *notes)), records


def summed_matrix(
    section: Section, row: Row, trials: Sequence[tuple[Record, Path]], split: str = "test"
) -> ConfusionMatrix:
    """The counts of one split of a row, summed over these finished trials, each with the file it was read from.

    Raises UserError for a split that a trial has no predictions of, and for predictions that are missing or damaged.
    """
    first, _ = trials[0]
    classes = first.evaluated
    more = [label for label in first.dataset.labels if label not in classes]
    counts = np.zeros((len(classes), len(classes) + len(more)), dtype=np.int64)
    for record, file in trials:
        predictions = predictions_of(record, file)
        chosen = predictions[predictions["split"] == split]
        if chosen.empty:
            known = ", ".join(predictions["split"].unique())
            raise UserError(f"{option('split', split)}: {row.row} has no such predictions. It has: {known}.")
        counts += count(chosen["label"].tolist(), chosen["predicted"].tolist(), classes, more)
    return ConfusionMatrix(
        source=row.row,
        title=f"{row.row}, {split}",
        true=tuple(classes),
        predicted=(*classes, *more),
        counts=counts,
        notes=(section.title, *section.notes, *filter(None, [third_party_text(row)])),
    )


def _note(metric: Metric, row: Row, split: str) -> str:
    failure = row.metrics_failed.get(metric.name)
    if failure is not None:
        return f"Metric {metric.name} failed: {failure.reason}"
    aggregate = row.aggregates.get((split, metric.name))
    mean = None if aggregate is None else aggregate.mean
    return f"{metric.title}: {'no value' if mean is None else f'{mean:.{metric.digits}f}'}, the mean over folds."


def _called(board: Leaderboard, name: str) -> tuple[Section, Row]:
    """The one row of this name, with its section."""
    rows = [(section, row) for section in board.sections for row in section.rows]
    called = [(section, row) for section, row in rows if row.row == name]
    if not called:
        names = list(dict.fromkeys(row.row for _, row in rows))
        hint = f"{did_you_mean(name, names)} Rows: {', '.join(names)}."
        raise UserError(f"{option('row', name)}: no such row.{hint}")
    if len(called) > 1:
        places = "\n".join(f"  {section.title} {row.settings}".rstrip() for section, row in called)
        raise UserError(f"{option('row', name)} is there {len(called)} times; name one results folder:\n{places}")
    return called[0]
