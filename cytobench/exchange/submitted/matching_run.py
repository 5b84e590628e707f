"""The run a submission may stand beside: one that tested the same images with the same labels in every fold it ran."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cytobench.analysis.leaderboard import tested_key
from cytobench.errors import UserError, option
from cytobench.exchange.submitted.split_file import PARTS, SplitFile
from cytobench.storage.records import Record, predictions_of, read_record_files


def find_matching_run(results: Path, split_file: SplitFile) -> dict[int, tuple[Path, Record]]:
    """By fold, a record of the run in ``results`` whose validation and test images and labels are the split's.

    Each with the file it was read from.

    Checked on the predictions on record, fold by fold. Raises UserError that says where the nearest run differs, for
    protocols that test synthetic images, for no run at all, and where runs on different data fit.
    """
    groups: dict[tuple[str, int | None], dict[int, tuple[Path, Record]]] = {}
    for file, record in read_record_files([results]).items():
        if record.status == "done" and record.submission is None:
            groups.setdefault((tested_key(record), record.seed), {})[record.protocol.fold] = file, record
    if not groups:
        raise UserError(f"{results} holds no finished trial of a run to stand beside.")
    refused = {key: _difference(group, split_file) for key, group in groups.items()}
    fitting = [group for key, group in groups.items() if refused[key] is None]
    if not fitting:
        reasons = "\n".join(f"  {reason}" for reason in dict.fromkeys(refused.values()))
        raise UserError(
            f"{results} was not run on the split {split_file.file}:\n{reasons}\nMake the split with that run's data "
            f"set, protocol, folds and seed, or name a new folder with {option('out')} to let the submission stand "
            "alone."
        )
    if len(fitting) > 1:
        raise UserError(f"{results} holds {len(fitting)} runs on different data or settings that fit; name one.")
    return dict(sorted(fitting[0].items()))


def _difference(group: Mapping[int, tuple[Path, Record]], split_file: SplitFile) -> str | None:
    """Why a run is not on this split; None if it is."""
    first = next(record for _, record in group.values())
    name = f"{first.dataset.name}, protocol {first.protocol.name}, seed {first.seed}"
    if first.protocol.switches.get("pooled"):
        return f"{name}: it tests synthetic images too, which differ with their number"
    if first.protocol.folds != split_file.folds:
        return f"{name}: it has {first.protocol.folds} folds, the split {split_file.folds}"
    if set(first.dataset.labels) != set(split_file.labels):
        other = sorted(set(first.dataset.labels) ^ set(split_file.labels))
        return f"{name}: its classes are others ({', '.join(other)})"
    for fold, (file, record) in sorted(group.items()):
        predictions = predictions_of(record, file)
        column = split_file.table[f"fold{fold}"]
        for part in ("test", "val"):
            ran = predictions.loc[predictions["split"] == PARTS[part], ["path", "label"]]
            listed = split_file.table.loc[column == part, ["path", "label"]]
            other_rows = set(ran.itertuples(index=False, name=None)) ^ set(listed.itertuples(index=False, name=None))
            if other_rows:
                path, label = min(other_rows)
                return f"{name}: fold {fold} has other {PARTS[part]} images or labels, {path} ({label}) among them"
    return None
