"""Predictions of another system as records, so that it is ranked: checked row by row, and marked as submitted."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cytobench._keys import content_key
from cytobench.analysis.leaderboard.model import SUBMITTED
from cytobench.assets import file_digest
from cytobench.data.findings import label_findings, like_labels
from cytobench.errors import UserError, option
from cytobench.exchange.submitted.match import match_predictions
from cytobench.exchange.submitted.matching_run import find_matching_run
from cytobench.exchange.submitted.predictions import read_predictions
from cytobench.exchange.submitted.split_file import SplitFile, read_split_file
from cytobench.metrics.built_in import OF_ALL_CLASSES
from cytobench.metrics.scoring import scores_by_split
from cytobench.pipeline.environment import environment
from cytobench.storage.records import GROUP, Record, Submission, as_kept, predictions_of, read_unchecked, write_record

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Submitted:
    """What was recorded: the row's name, its folds, those left out because the run beside has none, and notes."""

    row: str
    folds: tuple[int, ...]
    left_out: tuple[int, ...]
    beside: Path | None
    notes: tuple[str, ...]


def submit(file: Path, split: Path, name: str, out: Path, results: Path | None = None) -> Submitted:
    """Check predictions against a split and write a record a fold into ``out``.

    The submission stands beside the run in ``results`` (by default that in ``out``, if it holds one), whose test images
    and labels must be the split's, fold by fold; only folds that the run has are recorded. Without a run it stands
    alone, in a section of its own. Nothing is written unless all fits. Raises UserError for a user's mistake.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise UserError(
            f"{option('name')} {name!r}: at most 100 letters, digits, '.', '_' and '-', a letter or digit first."
        )
    predictions, split_file = read_predictions(file, ("path", "predicted")), read_split_file(split)
    matched = match_predictions(predictions, split_file)
    if results is None and any((out / "records").glob("*.json")) and not _all_submitted(out):
        results = out
    beside = {} if results is None else find_matching_run(results, split_file)
    folds = tuple(beside) or tuple(range(split_file.folds))
    digest = file_digest(file)
    records = [_record(name, digest, split_file, matched, fold, beside.get(fold)) for fold in folds]
    for record, _ in records:
        _refuse_other(out, record, digest)
    try:
        for record, table in records:
            write_record(out, record, table)
    except OSError as error:
        raise UserError(f"{option('out', out)} cannot be written: {error.strerror}.") from error
    left_out = tuple(fold for fold in range(split_file.folds) if fold not in folds)
    alike = like_labels(split_file.labels)
    return Submitted(records[0][0].row, folds, left_out, results, (*predictions.notes, *([alike] if alike else [])))


def _all_submitted(out: Path) -> bool:
    return all(read_unchecked(file).submission is not None for file in (out / "records").glob("*.json"))


def _record(
    name: str, digest: str, split_file: SplitFile, matched: pd.DataFrame, fold: int, ran: tuple[Path, Record] | None
) -> tuple[Record, pd.DataFrame]:
    """The record of one fold, and its predictions."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    row = f"{SUBMITTED}/{name}/s0/n0"
    file, beside = ran or (None, None)
    place = _alone(split_file, fold) if beside is None else _of(beside)
    repeat = 0 if beside is None or beside.seed is None else beside.seed - beside.benchmark.get("seed", beside.seed)
    evaluated = [label for label in place["dataset"]["labels"] if label not in place["train_only"]]
    probabilities = [f"p_{label}" for label in place["dataset"]["labels"] if f"p_{label}" in matched]
    columns = ["path", "split", "label", "predicted", *probabilities]
    table = matched.loc[matched["fold"] == fold, columns].assign(synthetic=False)
    if file is not None and beside is not None:
        table = _with_groups(table, predictions_of(beside, file))
    handed_in = {"name": name, "predictions_digest": digest, "split_digest": split_file.digest}
    record = Record.model_validate(
        {
            **place,
            "row": row,
            "trial": row.replace("/", "__") + f"__fold{fold}" + (f"__repeat{repeat}" if repeat else ""),
            "status": "done",
            "key": content_key("submission", {**handed_in, "fold": fold, "dataset": place["dataset"]}),
            "preset": SUBMITTED,
            "generator": None,
            "classifier": {
                "name": name,
                **dict.fromkeys(("plugin", "distribution", "version"), SUBMITTED),
                "revision": 0,
                "config": {},
            },
            "submission": {**handed_in, "beside": beside and beside.digest},
            "shots": 0,
            "n_synthetic": 0,
            "splits": split_file.counts(fold),
            "dtype": None,
            "scores": scores_by_split(as_kept(table), evaluated, OF_ALL_CLASSES),
            "environment": environment(),
            "device": None,
            "started": now,
            "finished": now,
        }
    )
    return record, table


def _of(beside: Record) -> dict[str, Any]:
    """Data, protocol, seed and settings of the run whose images were found the same."""
    shared = {"dataset", "findings", "protocol", "seed", "train_only", "benchmark"}
    return beside.model_dump(mode="json", include=shared)


def _with_groups(table: pd.DataFrame, ran: pd.DataFrame) -> pd.DataFrame:
    """The predictions with the group of each image, if the run beside names groups."""
    if GROUP not in ran:
        return table
    known = ran.drop_duplicates("path").set_index("path")[GROUP]
    return table.assign(**{GROUP: known.reindex(table["path"]).array})


def _alone(split_file: SplitFile, fold: int) -> dict[str, Any]:
    """The same from the split alone, which says neither protocol nor seed and holds no image."""
    rows = split_file.table.to_numpy().tolist()
    counts = split_file.table["label"].value_counts()
    return {
        "dataset": {
            "name": split_file.file.stem,
            "digest": content_key("division", {"rows": rows}),
            "n_images": len(rows),
            "labels": list(split_file.labels),
            "classes": {label: int(counts[label]) for label in split_file.labels},
            "public": False,
            "grouped": "not known: a split says nothing of copies, patients or slides",
        },
        "findings": [asdict(finding) for finding in label_findings(split_file.labels)],
        "protocol": {"name": "as-split", "version": 1, "switches": {}, "folds": split_file.folds, "fold": fold},
        "seed": None,
        "train_only": list(split_file.train_only),
        "benchmark": {},
    }


def _refuse_other(out: Path, record: Record, digest: str) -> None:
    """Raise UserError if ``out`` has this record of other predictions than those with this digest."""
    file = out / "records" / f"{record.trial}.json"
    before = _submission_in(file)
    if before is not None and before.predictions_digest != digest:
        raise UserError(
            f"{option('out', out)} holds other predictions of {record.classifier.name}. Give another "
            f"{option('name')}, or remove {file}."
        )


def _submission_in(file: Path) -> Submission | None:
    """The submission that a record is of; None where there is none, or what is there cannot be read: it is replaced."""
    if not file.exists():
        return None
    try:
        return read_unchecked(file).submission
    except UserError:
        return None
