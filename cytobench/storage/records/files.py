"""Reading and writing records: ``DIR/records/TRIAL.json`` and ``DIR/predictions/TRIAL.parquet``."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from cytobench._keys import content_key
from cytobench.assets import file_digest
from cytobench.atomic import write_bytes
from cytobench.errors import UserError, option
from cytobench.metrics.built_in import OF_ALL_CLASSES
from cytobench.metrics.metric import Metric
from cytobench.metrics.scoring import score_splits, scores_by_split
from cytobench.storage.cache import is_remembered, remember
from cytobench.storage.records.checks import code, fault_in, score_fault
from cytobench.storage.records.metrics import is_here
from cytobench.storage.records.model import SCHEMA_VERSION, Record

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("path", "split", "label", "predicted", "synthetic")
"""The first columns of predictions; ``p_LABEL`` (float32) for every class follow, and GROUP where groups are known."""
GROUP = "group"
"""The number of an image's group (patient, slide) in its data set; missing for an image without one."""
AGAIN = (
    "`cytobench run` with the same settings (of a submission `cytobench submit`) makes it again; "
    "without that, take the file away: its trial then counts as not done."
)
"""The way out for a record that is not as it was written."""
_DAMAGED = "are damaged: they are not those that it was written with."
_CHECKED = "records"
"""The folder of the cache with what was found right."""


def write_record(folder: Path, record: Record, predictions: pd.DataFrame | None) -> Path:
    """Write a trial's predictions, then its record, each whole or not at all; returns the record's path.

    Sets ``predictions`` and both digests in the record. A failed trial has no predictions; those of an earlier attempt
    go.
    """
    table = folder / "predictions" / f"{record.trial}.parquet"
    file = folder / "records" / f"{record.trial}.json"
    written: dict[str, str | None] = {"predictions": None, "predictions_digest": None}
    if predictions is not None:
        write_bytes(table, _parquet(predictions))
        written = {"predictions": f"../predictions/{table.name}", "predictions_digest": file_digest(table)}
    # NaN has no place in JSON; pydantic writes null for it.
    values = json.loads(record.model_copy(update=written).model_dump_json())
    values["digest"] = _digest(values)
    write_bytes(file, (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode())
    if predictions is None:
        table.unlink(missing_ok=True)
    return file


def read_record(file: Path) -> Record:
    """Read one record, and hold it against its predictions.

    Raises UserError naming the file that cannot be read, or whose scores its predictions do not give, and why.
    """
    record = read_unchecked(file)
    _check(record, file)
    return record


def read_unchecked(file: Path) -> Record:
    """Read one record without a look at its predictions: for what does not follow from them, such as times."""
    if file.exists() and not file.is_file():  # a pipe would be waited for
        raise UserError(f"record {file} cannot be read: it is no file.")
    try:
        return _parsed(file.read_bytes())
    except OSError as error:
        raise UserError(f"record {file} cannot be read: {error.strerror}.") from error
    except _Unreadable as error:
        raise UserError(f"record {file} {error}") from error


def _check(record: Record, file: Path) -> None:
    """Raise UserError for a record that its predictions do not bear out, or whose predictions were changed.

    What was found right once is remembered by its digests, until the code that computes scores changes. Predictions
    that are not there bear nothing out; :func:`has_predictions` tells.
    """
    if record.status == "failed" or not has_predictions(record, file):
        return
    if not predictions_kept(record, file):
        raise UserError(f"predictions {_path(record, file)} of record {file} {_DAMAGED} {AGAIN}")
    key = content_key("checked record", {"record": record.digest, "code": code()})
    if is_remembered(_CHECKED, key):
        return
    fault = fault_in(record, predictions_of(record, file))
    if fault:
        raise UserError(f"record {file} {fault} {AGAIN}")
    remember(_CHECKED, key)


def refuse_other_scores(files: Mapping[Path, Record], metrics: Sequence[Metric]) -> None:
    """Raise UserError for a record with scores of these metrics that its predictions do not give.

    For metrics of plugins: the built-in ones are held against the predictions wherever a record is read. These are
    computed each time, since a plugin's code may change under the same version. Where another version of the plugin is
    installed, or none, nothing is said.
    """
    for file, record in files.items():
        wanted = [metric for metric in metrics if metric.name in record.metrics and is_here(record, metric)]
        if wanted and has_predictions(record, file):
            fault = score_fault(record, predictions_of(record, file), wanted)
            if fault:
                raise UserError(f"record {file} {fault} {AGAIN}")


class _Unreadable(ValueError):
    """What is wrong with a record, to follow the name of its file."""


@lru_cache(maxsize=4096)
def _parsed(content: bytes) -> Record:
    """The record that a file holds; remembered, for a run reads its records before and after its work."""
    try:
        values = json.loads(content, parse_constant=_no_number)
    except ValueError as error:
        raise _Unreadable(f"is no JSON ({error}). {AGAIN}") from error
    version = values.get("schema_version") if isinstance(values, dict) else None
    if version != SCHEMA_VERSION:
        raise _Unreadable(
            f"has schema version {version}; this cytobench reads {SCHEMA_VERSION}. "
            "Use the version of cytobench that wrote it, or run into a new folder."
        )
    try:
        record = Record.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise _Unreadable(f"is damaged: {key}: {first['msg']}. {AGAIN}") from error
    if record.digest != _digest(values):
        raise _Unreadable(f"was changed after it was written: its digest does not fit. {AGAIN}")
    return record


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def read_records(folders: Iterable[Path]) -> list[Record]:
    """All records of results folders, or of folders that hold results folders, by file name; see
    :func:`read_record_files`.
    """
    return list(read_record_files(folders).values())


def read_record_files(folders: Iterable[Path]) -> dict[Path, Record]:
    """The same by the file each was read from, which :func:`predictions_of` needs.

    Raises UserError for a folder that does not exist or holds no record.
    """
    # Overlapping arguments (results and results/x) must not count a record twice.
    files: dict[Path, None] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder. Name a results folder, the {option('out')} of a run.")
        in_folder = sorted(folder.glob("records/*.json")) or sorted(folder.glob("*/records/*.json"))
        if not in_folder:
            raise UserError(f"{folder} holds no records. Name a results folder, the {option('out')} of a run.")
        files.update(dict.fromkeys(path.resolve() for path in in_folder))
    return {file: read_record(file) for file in files}


def predictions_of(record: Record, file: Path) -> pd.DataFrame:
    """The predictions of a record that was read from ``file``. Raises UserError if they are none, or damaged."""
    import pandas as pd

    if record.predictions is None:
        raise UserError(f"record {file} has no predictions: the trial failed.")
    path = _path(record, file)
    if not predictions_kept(record, file):
        what = _DAMAGED if path.is_file() else "are missing."
        raise UserError(f"predictions {path} of record {file} {what} {AGAIN}")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise UserError(f"predictions {path} of record {file} cannot be read: {error}") from error
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise UserError(f"predictions {path} have no column {missing[0]}.")
    return table


def predictions_kept(record: Record, file: Path) -> bool:
    """Whether the predictions of a record that was read from ``file`` are there, as they were written."""
    return has_predictions(record, file) and file_digest(_path(record, file)) == record.predictions_digest


def has_predictions(record: Record, file: Path) -> bool:
    """Whether there is a file of predictions beside a record that was read from ``file``."""
    return record.predictions is not None and _path(record, file).is_file()


def _path(record: Record, file: Path) -> Path:
    assert record.predictions is not None  # asked before
    return file.parent / record.predictions


def rescore(file: Path, metrics: Iterable[Metric] | None = None) -> dict[str, dict[str, float | None]]:
    """The scores of a record by split, computed anew from its predictions alone.

    By default those of the built-in metrics that it has.
    """
    record = read_record(file)
    if metrics is None:
        named = {name for scores in record.scores.values() for name in scores}
        metrics = [metric for metric in OF_ALL_CLASSES if metric.name in named]
    return scores_by_split(predictions_of(record, file), record.evaluated, metrics)


def with_metrics(files: Mapping[Path, Record], metrics: Sequence[Metric]) -> dict[Path, Record]:
    """The records by file, with the scores of these metrics that they lack, computed from the predictions beside them.

    Records whose predictions are not there stay as they are: old ones lack all but the study's metrics, and none keeps
    those of one class.
    """
    return {file: _with_metrics(record, file, metrics) for file, record in files.items()}


def _with_metrics(record: Record, file: Path, metrics: Sequence[Metric]) -> Record:
    lacking = [metric for metric in metrics if any(metric.name not in scores for scores in record.scores.values())]
    if not lacking or not predictions_kept(record, file):
        return record
    scored = score_splits(predictions_of(record, file), record.evaluated, lacking)
    scores = {split: {**values, **scored[split].values} for split, values in record.scores.items()}
    failed = {split: {**record.metrics_failed.get(split, {}), **scored[split].failed} for split in record.scores}
    return record.model_copy(update={"scores": scores, "metrics_failed": failed})


def _digest(values: Mapping[str, Any]) -> str:
    """SHA-256 in hex of a record's values but the digest itself, as canonical JSON."""
    return content_key("record file", {key: value for key, value in values.items() if key != "digest"})


def as_kept(predictions: pd.DataFrame) -> pd.DataFrame:
    """Predictions as they are written: the promised columns, probabilities as float32. Scores are of these."""
    probabilities: dict[str, Any] = {
        str(name): "float32" for name in predictions if str(name).startswith("p_")
    }
    columns = [*COLUMNS, *probabilities, *([GROUP] if GROUP in predictions else [])]
    return predictions[columns].astype(probabilities)


def _parquet(predictions: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    as_kept(predictions).to_parquet(buffer, index=False)
    return buffer.getvalue()
