"""The confusion matrix of a row of the leaderboard, from the predictions on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from cytobench.analysis.leaderboard import one_per_replicate
from cytobench.analysis.leaderboard.model import Leaderboard, Row, Section
from cytobench.analysis.leaderboard.words import replicates_text, third_party_text
from cytobench.analysis.results import read_results
from cytobench.errors import UserError
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
    section, found = _find(results.board, row)
    if not found.complete:
        raise UserError(
            f"--row {row} is incomplete: {replicates_text(found.missing, section.seeds)} missing. "
            "Run the benchmark again to finish it."
        )
    of_record = {id(record): file for file, record in files.items()}
    folds = section.folds_declared
    mine = (record for record in files.values() if record.row == row and record.protocol.fold in folds)
    trials = [(record, of_record[id(record)]) for record in one_per_replicate(mine)]
    matrix = summed_matrix(section, found, trials, split)
    asked = [shown for shown in results.metrics if shown.name in metric]
    notes = [_note(shown, found, split) for shown in asked]
    return replace(matrix, notes=(*matrix.notes, *notes)), [record for record, _ in trials]


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
            raise UserError(f"--split {split}: {row.row} has no such predictions. It has: {known}.")
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


def _find(board: Leaderboard, row: str) -> tuple[Section, Row]:
    rows = [(section, one) for section in board.sections for one in section.rows]
    found = [(section, one) for section, one in rows if one.row == row]
    if not found:
        names = list(dict.fromkeys(one.row for _, one in rows))
        near = get_close_matches(row, names, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UserError(f"--row {row}: no such row.{hint} Rows: {', '.join(names)}.")
    if len(found) > 1:
        places = "\n".join(f"  {section.title} {one.settings}".rstrip() for section, one in found)
        raise UserError(f"--row {row} is there {len(found)} times; name one results folder:\n{places}")
    return found[0]
