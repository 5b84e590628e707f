"""Records held against their predictions: what these do not give, or cannot be, is refused.

Scores are computed again, with the metrics that are on offer here; counts, classes, splits and probabilities are held
against what a record promises (docs/results.md). Fidelity, times and settings do not follow from predictions: only
doing the work again tells whether they are right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.metadata import version
from itertools import chain
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cytobench._keys import content_key
from cytobench.assets import file_digest
from cytobench.errors import UserError
from cytobench.metrics import built_in, calibration, classification, scoring
from cytobench.metrics.built_in import BUILT_IN, OF_ALL_CLASSES
from cytobench.metrics.metric import Metric
from cytobench.metrics.scoring import EXTERNAL, SPLITS, score_splits
from cytobench.storage.records.model import Record

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("validation", "test")
TOLERANCE = 1e-9
"""How far a score may be from the one that its predictions give, as a share of it: another machine, or another version
of a library, may sum in another order."""
SUM_TOLERANCE = 0.01
"""How far the probabilities of a row may be from 1 in sum: fifteen of them, rounded to three decimals."""
TIE = 1e-6
"""How far below the highest probability that of the predicted class may be and count as equal (float32)."""


@cache
def code() -> str:
    """A content address of all that computes and checks scores: what it said of a record holds for no other code.

    The version of cytobench, the revisions of its metrics, the versions of the libraries they use, and the very source
    of these modules.
    """
    modules = (built_in, calibration, classification, scoring)
    sources = [file_digest(Path(str(module.__file__))) for module in modules]
    return content_key(
        "score code",
        {
            "versions": {name: version(name) for name in ("cytobench", "numpy", "scikit-learn", "scipy")},
            "revisions": {name: metric.spec.revision for name, metric in BUILT_IN.items()},
            "sources": [*sources, file_digest(Path(__file__))],
        },
    )


def fault_in(record: Record, predictions: pd.DataFrame, metrics: Iterable[Metric] = OF_ALL_CLASSES) -> str:
    """What of a finished record its predictions do not give, or cannot be, as what follows ``record X``; empty if none.

    ``predictions`` is the whole table, with the promised columns. Scores are held against those of ``metrics``.
    """
    return next(_faults(record, predictions, metrics), "")


def score_fault(record: Record, predictions: pd.DataFrame, metrics: Iterable[Metric]) -> str:
    """The same of these metrics alone. Those that fail here are left out: they could not be computed again."""
    return next(_score_faults(record, predictions, metrics), "")


def _faults(record: Record, table: pd.DataFrame, metrics: Iterable[Metric]) -> Iterator[str]:
    yield from _of_record(record)
    yield from _of_rows(record, table)
    yield from _of_probabilities(record, table)
    yield from _of_counts(record, table)
    try:
        yield from _score_faults(record, table, metrics)
    except UserError as error:
        yield f"has predictions that cannot be scored: {error}"


def _of_record(record: Record) -> Iterator[str]:
    for split, scores in record.scores.items():
        for name, value in scores.items():
            low, high = _range(record, name)
            if value is not None and not (low - TOLERANCE <= value <= high + TOLERANCE):
                yield f"says {name} {value:g} on {split}, which it cannot be."
        for name in record.metrics_failed.get(split, {}):
            if (value := scores.get(name)) is not None:
                yield f"says that {name} failed on {split}, and gives it as {value:g}."
    for label, n in record.dataset.classes.items():
        used = sum(part.get(label, 0) for part in record.splits.values())
        if used > n:
            yield f"says that {used} images of {label} were divided, of a data set that has {n}."


def _range(record: Record, name: str) -> tuple[float, float]:
    """The lowest and highest value of a metric; of one that is not known here, as the record has it."""
    known = BUILT_IN.get(name)
    used = record.metrics.get(name)
    low, high = known.spec.range if known else (used.low, used.high) if used else (None, None)
    return -np.inf if low is None else low, np.inf if high is None else high


def _of_rows(record: Record, table: pd.DataFrame) -> Iterator[str]:
    splits = table["split"].unique().tolist()
    unknown = [split for split in splits if split not in SPLITS]
    if unknown:
        yield f"has predictions of a split {unknown[0]}, which there is not. Splits: {', '.join(SPLITS)}."
    unlike = set(splits) ^ set(record.scores)
    if unlike:
        split = min(map(str, unlike))
        yield f"has {'predictions' if split in splits else 'scores'} of the split {split} alone, not both."
    for name, known in (("label", record.evaluated), ("predicted", record.dataset.labels)):
        strange = [label for label in table[name].unique() if label not in known]
        if strange:
            yield f"has predictions whose {name} {strange[0]} is no class of it: {', '.join(known)}."
    paths = {split: table["path"][table["split"] == split].tolist() for split in splits}
    for split, of_split in paths.items():
        if len(set(of_split)) < len(of_split):
            twice = next(path for path, times in Counter(of_split).items() if times > 1)
            yield f"has predictions of {twice} twice in {split}."
    validated, tested = (set(chain(paths.get(part, ()), paths.get(f"{part}_real", ()))) for part in PARTS)
    if validated & tested:
        yield f"has predictions of {min(validated & tested)} in validation and in test."
    synthetic = table[table["synthetic"].astype(bool)]
    clean = [str(split) for split in synthetic["split"].unique() if split == EXTERNAL or str(split).endswith("_real")]
    if len(synthetic) and (clean or not record.protocol.switches.get("pooled")):
        path, split = synthetic["path"].iloc[0], synthetic["split"].iloc[0]
        yield f"has a synthetic image, {path}, among those of {split}, where its protocol tests real ones alone."


def _of_probabilities(record: Record, table: pd.DataFrame) -> Iterator[str]:
    columns = [str(name) for name in table if str(name).startswith("p_")]
    promised = [f"p_{label}" for label in record.dataset.labels]
    if record.submission is None and columns != promised:
        have = ", ".join(columns) or "of no probabilities"
        yield f"has predictions with the columns {have}, not {promised[0]} and on."
    strange = [name for name in columns if name not in promised]
    if strange:
        yield f"has predictions with a column {strange[0]}, which is of no class of it."
    if not columns:
        return
    values = table[columns].to_numpy(np.float64)
    outside = ~((values >= -TIE) & (values <= 1 + TIE))  # no number is outside, too
    if outside.any():
        row, column = np.argwhere(outside)[0]
        where = table["path"].iloc[row]
        yield f"has a probability {columns[column]} of {values[row, column]:g} for {where}; it is 0 to 1."
    total = values.sum(axis=1)
    off = ~(np.abs(total - 1) <= SUM_TOLERANCE)
    if off.any():
        where = table["path"][off].iloc[0]
        yield f"has probabilities that sum to {total[off][0]:.4g} for {where}, not to 1."
    if record.submission is None:  # what was handed in may weigh classes
        place = {name.removeprefix("p_"): number for number, name in enumerate(columns)}
        chosen = values[np.arange(len(table)), table["predicted"].map(place).to_numpy(np.int64)]
        other = chosen < values.max(axis=1) - TIE
        if other.any():
            where = table["path"][other].iloc[0]
            yield f"predicts {table['predicted'][other].iloc[0]} for {where}, which has not the highest probability."


def _of_counts(record: Record, table: pd.DataFrame) -> Iterator[str]:
    real = table[~table["synthetic"].astype(bool)]
    for split, of_split in real.groupby("split", sort=False):
        part = str(split).removesuffix("_real")
        recorded = _recorded_counts(record, part)
        if recorded is None:
            continue
        counts = of_split["label"].value_counts().to_dict()
        for label in record.evaluated:
            if counts.get(label, 0) != recorded.get(label, 0):
                yield (
                    f"says that {part} has {recorded.get(label, 0)} images of {label}; "
                    f"its predictions have {counts.get(label, 0)} in {split}."
                )


def _recorded_counts(record: Record, part: str) -> dict[str, int] | None:
    if part == EXTERNAL:
        return None if record.external_test is None else record.external_test.classes
    return record.splits.get(part)


def _score_faults(record: Record, table: pd.DataFrame, metrics: Iterable[Metric]) -> Iterator[str]:
    named = {name for scores in record.scores.values() for name in scores}
    wanted: Sequence[Metric] = [metric for metric in metrics if metric.name in named]
    if not wanted:
        return
    computed = score_splits(table, record.evaluated, wanted)
    for split, scores in record.scores.items():
        failed = {*record.metrics_failed.get(split, {}), *computed[split].failed}
        for metric in wanted:
            if metric.name not in scores or metric.name in failed:
                continue
            said, given = scores[metric.name], computed[split].values[metric.name]
            if not _alike(said, given):
                yield (
                    f"says {metric.name} {_number(said)} on {split}; its predictions give {_number(given)}."
                )


def _alike(said: float | None, given: float | None) -> bool:
    if said is None or given is None:
        return said is given
    return isclose(said, given, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _number(value: float | None) -> str:
    return "null" if value is None else f"{value:.6g}"
