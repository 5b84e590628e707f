"""Records: what a finished or failed trial leaves, one JSON file each, with its predictions beside it.

From a record and its predictions alone, a stranger can compute the scores and run the trial again.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cytobench.atomic import write_bytes
from cytobench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class DatasetPart(_Part):
    """The data set as it was."""

    name: str = Field(description="Name of the installed data set, or of the folder or manifest.")
    digest: str = Field(description="SHA-256 over label and decoded-pixel digest of every image, in order.")
    n_images: int = Field(description="Real images, after --limit.")
    counts: dict[str, int] = Field(description="Real images a class, after --limit.")
    labels: list[str] = Field(description="All classes, in column order.")
    public: bool = Field(description="Whether anyone can get this data set.")
    limit: int | None = Field(description="--limit: images a class that were kept; null for all.")
    grouped: str = Field(description="'grouped by patient (n)' or 'images only': what folds keep apart.")


class ProtocolPart(_Part):
    """The protocol and the fold."""

    name: str = Field(description="Name of the setting.")
    version: int = Field(description="Version of the protocol.")
    switches: dict[str, Any] = Field(description="Every switch by name.")
    folds: int = Field(description="How many folds the protocol makes.")
    fold: int = Field(description="This trial's fold, from 0.")


class RanPart(_Part):
    """What really ran."""

    weights: str = Field(description="Source and short digest of the weights.")
    architecture: str = Field(description="Architecture and parameter count.")
    resolution: int | None = Field(description="Side of the images in pixels.")


class PluginPart(_Part):
    """A generator or classifier as it was."""

    name: str = Field(description="The name tables show.")
    plugin: str = Field(description="The plugin's own name.")
    origin: str = Field(description="The distribution that offers it.")
    version: str = Field(description="Version of that distribution.")
    revision: int = Field(description="The plugin's revision, raised by its author when outputs change.")
    config: dict[str, Any] = Field(description="Every value of its configuration.")
    ran: RanPart | None = Field(description="What really ran; null if the trial failed before.")


class StagePart(_Part):
    """One timed stage."""

    kind: str = Field(description="fit, sample, train or predict.")
    key: str = Field(description="Content address.")
    label: str | None = Field(description="The class, where the stage is one class's.")
    seconds: float = Field(description="Wall seconds, device synchronised.")
    parts: dict[str, float] = Field(description="Seconds of named parts, such as load.")
    images: int | None = Field(description="Images made or predicted.")
    images_per_second: float | None = Field(description="images over seconds less loading.")
    peak_memory_mib: float | None = Field(description="Peak memory in MiB: of the accelerator, or the process on a CPU.")
    device: str = Field(description="Device name when it was done.")
    when: str = Field(description="Start, ISO 8601, UTC.")
    reused: bool = Field(description="Whether it was found in the store rather than done in this run.")


class ErrorPart(_Part):
    """Why a trial failed."""

    type: str = Field(description="Type of the exception.")
    message: str = Field(description="Its message.")
    traceback: str = Field(description="The full traceback.")


class Record(_Part):
    """One trial."""

    schema_version: Literal[1] = Field(default=1, description="Version of this schema.")
    trial: str = Field(description="File name of the trial, without suffix.")
    row: str = Field(description="generator/classifier/sSHOTS/nN.")
    status: Literal["done", "failed"] = Field(description="done or failed.")
    key: str = Field(description="Content address of everything that can change the scores.")
    dataset: DatasetPart = Field(description="The data set.")
    protocol: ProtocolPart = Field(description="The protocol and fold.")
    declared_folds: list[int] = Field(description="The folds the benchmark runs.")
    train_only: list[str] = Field(description="Classes that train but are left out of the scores.")
    preset: str = Field(description="paper or pocket.")
    generator: PluginPart | None = Field(description="The generator; null for N = 0.")
    classifier: PluginPart = Field(description="The classifier.")
    shots: int = Field(description="Shots asked for; 0 without a fit.")
    shots_used: dict[str, int] = Field(description="Shots there were, by class.")
    n_synthetic: int = Field(description="Synthetic images a class.")
    seed: int = Field(description="The run's seed.")
    scores: dict[str, dict[str, float | None]] = Field(description="scores.SPLIT.METRIC; empty if failed.")
    predictions: str | None = Field(description="Path of the predictions, relative to this file; null if failed.")
    curves: list[dict[str, float]] = Field(description="Training curves, one mapping an epoch.")
    stages: list[StagePart] = Field(description="Every stage behind the trial.")
    environment: dict[str, Any] = Field(description="Python, platform, package versions, git commit.")
    device: dict[str, str | None] = Field(description="Kind, name and driver of the device.")
    prompts: dict[str, dict[str, str]] = Field(description="generator, classifier and origin, by class.")
    benchmark: dict[str, Any] = Field(description="The resolved benchmark, which runs the trial again.")
    finished: str = Field(description="When the record was written, ISO 8601, UTC.")
    error: ErrorPart | None = Field(default=None, description="Why it failed; null if done.")


def record_file(out: Path, trial: str) -> Path:
    """Where the record of a trial lies."""
    return out / "records" / f"{trial}.json"


def write_record(out: Path, record: Record, predictions: pd.DataFrame | None) -> None:
    """Write the predictions, then the record, each whole or not at all."""
    file = record_file(out, record.trial)
    if predictions is not None and record.predictions is not None:
        buffer = io.BytesIO()
        predictions.to_parquet(buffer, index=False)
        write_bytes(file.parent / record.predictions, buffer.getvalue())
    write_bytes(file, json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False).encode())


def read_record(file: Path) -> Record:
    """Read one record. Raises UserError naming the file if it is damaged or of another schema."""
    try:
        return Record.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()
        raise UserError(f"{file} is no record of this version: {' '.join(reason[1:3]) or reason[0]}") from error


def read_records(folders: Iterable[Path]) -> list[Record]:
    """Every record of results folders, by folder and name. Raises UserError where there is none."""
    records = []
    for folder in folders:
        files = sorted((folder / "records").glob("*.json"))
        if not files:
            raise UserError(f"{folder} holds no records. Name a folder that `cytobench run --out` made.")
        records += [read_record(file) for file in files]
    return records


def rescore(file: Path) -> dict[str, dict[str, float | None]]:
    """Compute ``scores`` again from a record's predictions alone."""
    import pandas as pd

    record = read_record(file)
    if record.predictions is None:
        raise UserError(f"{file} has no predictions: the trial failed.")
    return score_table(pd.read_parquet(file.parent / record.predictions), record.dataset.labels, record.train_only)


def score_table(
    predictions: pd.DataFrame, labels: Iterable[str], train_only: Iterable[str]
) -> dict[str, dict[str, float | None]]:
    """Scores by split of a table ``path, split, label, predicted, synthetic, p_LABEL...``."""
    from cytobench.metrics import scores

    columns = list(labels)
    evaluated = [label for label in columns if label not in set(train_only)]
    return {
        str(split): scores(
            evaluated,
            table["label"].tolist(),
            table["predicted"].tolist(),
            table[[f"p_{label}" for label in columns]].to_numpy(),
            columns,
        )
        for split, table in predictions.groupby("split", sort=False)
    }


def same_settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Which settings that give a results folder its meaning differ between two resolved benchmarks.

    Axes of the grid (generators, classifiers, counts, shots, folds run) may grow; configurations are compared for the
    plugins that both have.
    """
    differing = [
        key
        for key in ("dataset", "protocol", "preset", "folds", "seed", "limit", "train_only", "device", "prompts")
        if old.get(key) != new.get(key)
    ]
    for plugin in sorted(set(old.get("set", {})) & set(new.get("set", {}))):
        before, after = old["set"][plugin], new["set"][plugin]
        differing += [
            f"{plugin}.{key}" for key in sorted({*before, *after}) if before.get(key) != after.get(key)
        ]
    return differing
