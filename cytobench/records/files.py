"""Reading and writing records: ``DIR/records/TRIAL.json`` and ``DIR/predictions/TRIAL.parquet``."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from cytobench.atomic import write_bytes
from cytobench.errors import UserError
from cytobench.records.model import SCHEMA_VERSION, Record

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("path", "split", "label", "predicted", "synthetic")
"""The first columns of predictions; ``p_LABEL`` (float32) for every class follow."""


def write_record(folder: Path, record: Record, predictions: pd.DataFrame | None) -> Path:
    """Write a trial's predictions, then its record, each whole or not at all; returns the record's path.

    Sets ``predictions`` in the record. A failed trial has no predictions; those of an earlier attempt go.
    """
    table = folder / "predictions" / f"{record.trial}.parquet"
    file = folder / "records" / f"{record.trial}.json"
    if predictions is not None:
        write_bytes(table, _parquet(predictions))
        record = record.model_copy(update={"predictions": f"../predictions/{table.name}"})
    # NaN has no place in JSON; pydantic writes null for it.
    write_bytes(file, (record.model_dump_json(indent=1) + "\n").encode())
    if predictions is None:
        table.unlink(missing_ok=True)
    return file


def read_record(file: Path) -> Record:
    """Read one record. Raises UserError naming the file that cannot be read and why."""
    try:
        values = json.loads(file.read_bytes())
    except OSError as error:
        raise UserError(f"record {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"record {file} is no JSON ({error}). Delete it and run again.") from error
    version = values.get("schema_version") if isinstance(values, dict) else None
    if version != SCHEMA_VERSION:
        raise UserError(
            f"record {file} has schema version {version}; this cytobench reads {SCHEMA_VERSION}. "
            "Use the version of cytobench that wrote it, or run again."
        )
    try:
        return Record.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UserError(f"record {file} is damaged: {key}: {first['msg']}. Run again.") from error


def read_records(folders: Iterable[Path]) -> list[Record]:
    """All records of results folders, or of folders that hold results folders, by file name.

    Raises UserError for a folder that does not exist or holds no record, and for a damaged record.
    """
    # Overlapping arguments (results and results/x) must not count a record twice.
    files: dict[Path, None] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder. Name a results folder, the --out of a run.")
        found = sorted(folder.glob("records/*.json")) or sorted(folder.glob("*/records/*.json"))
        if not found:
            raise UserError(f"{folder} holds no records. Name a results folder, the --out of a run.")
        files.update(dict.fromkeys(path.resolve() for path in found))
    return [read_record(file) for file in files]


def predictions_of(record: Record, file: Path) -> pd.DataFrame:
    """The predictions of a record that was read from ``file``. Raises UserError if there are none."""
    import pandas as pd

    if record.predictions is None:
        raise UserError(f"record {file} has no predictions: the trial failed.")
    path = file.parent / record.predictions
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise UserError(f"predictions {path} of record {file} cannot be read: {error}") from error
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise UserError(f"predictions {path} have no column {missing[0]}.")
    return table


def rescore(file: Path) -> dict[str, dict[str, float | None]]:
    """The scores of a record by split, computed anew from its predictions alone."""
    from cytobench.metrics import scores_by_split

    record = read_record(file)
    return scores_by_split(predictions_of(record, file), record.evaluated)


def _parquet(predictions: pd.DataFrame) -> bytes:
    probabilities: dict[str, Any] = {
        str(name): "float32" for name in predictions if str(name).startswith("p_")
    }
    columns = [*COLUMNS, *probabilities]
    buffer = io.BytesIO()
    predictions[columns].astype(probabilities).to_parquet(buffer, index=False)
    return buffer.getvalue()
