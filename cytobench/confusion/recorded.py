"""The confusion matrix of a row of the leaderboard, from the predictions on record."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from cytobench.confusion.matrix import ConfusionMatrix, count
from cytobench.errors import UserError
from cytobench.leaderboard import leaderboard, one_a_place
from cytobench.leaderboard.model import Leaderboard, Row, Section
from cytobench.leaderboard.words import places_text, third_party_text
from cytobench.records import Record, predictions_of, read_record_files


def recorded_matrix(folders: Sequence[Path], row: str, split: str = "test") -> tuple[ConfusionMatrix, list[Record]]:
    """The counts of a row summed over its folds (and seeds) in one split, and the records behind them.

    Raises UserError for an unknown row or split, a row of this name in several sections, and an incomplete one, naming
    the folds that are missing: a sum over some folds would pass for one over all images.
    """
    files = read_record_files(folders)
    section, found = _find(leaderboard(files.values()), row)
    if not found.complete:
        raise UserError(
            f"--row {row} is incomplete: {places_text(found.missing, section.seeds)} missing. "
            "Run the benchmark again to finish it."
        )
    by_record = {id(record): file for file, record in files.items()}
    folds = section.folds_declared
    mine = (record for record in files.values() if record.row == row and record.protocol.fold in folds)
    records = one_a_place(mine)
    classes = records[0].evaluated
    more = [label for label in records[0].dataset.labels if label not in classes]
    counts = None
    for record in records:
        predictions = predictions_of(record, by_record[id(record)])
        chosen = predictions[predictions["split"] == split]
        if chosen.empty:
            known = ", ".join(predictions["split"].unique())
            raise UserError(f"--split {split}: {row} has no such predictions. It has: {known}.")
        part = count(chosen["label"].tolist(), chosen["predicted"].tolist(), classes, more)
        counts = part if counts is None else counts + part
    assert counts is not None  # a complete row has records
    matrix = ConfusionMatrix(
        source=row,
        title=f"{row}, {split}",
        true=tuple(classes),
        predicted=(*classes, *more),
        counts=counts,
        notes=(section.title, *section.notes, *filter(None, [third_party_text(found)])),
    )
    return matrix, records


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
