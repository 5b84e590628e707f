"""A recorded trial beside the same trial done again: what is equal, what is near, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cytobench.storage.records import Record

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 0.01
"""How far a probability may be from the recorded one to be near it."""


class Agreement(StrEnum):
    """How the trial that was done again agrees with its record."""

    EQUAL = "equal"
    """Every prediction, to the last digit."""
    NEAR = "near"
    """No probability is further from the recorded one than the tolerance."""
    UNLIKE = "not equal"


class Difference(NamedTuple):
    """Something that was another when the trial was done again."""

    what: str
    recorded: object
    again: object


@dataclass(frozen=True)
class Verification:
    """What doing a trial again showed."""

    trial: str
    agreement: Agreement
    tolerance: float
    images: int
    """Predictions on record."""
    unmatched: int
    """Predictions of an image and label that only one of the two has."""
    same_class: int
    """Predictions of the same class."""
    largest: float
    """The largest difference of a probability; 1 where predictions do not match."""
    scores: tuple[Difference, ...]
    """Those that differ, as ``test f1_macro``."""
    images_equal: dict[str, bool] | None
    """Whether the synthetic images of each class are the same; None where they are not on record."""
    conditions: tuple[Difference, ...]
    """Settings, software and hardware that differ."""


def verify_record(
    record: Record, predictions: pd.DataFrame, again: Record, repeated: pd.DataFrame, tolerance: float = TOLERANCE
) -> Verification:
    """Hold a record and its predictions beside those of the same trial done again, row by row."""
    place = ["split", "path", "label"]
    columns = [str(name) for name in predictions if str(name).startswith("p_")]
    both = predictions.merge(repeated, on=place, suffixes=("", "_again"))
    unmatched = len(predictions) + len(repeated) - 2 * len(both)
    largest = 1.0 if unmatched else 0.0
    if len(both) and not unmatched:
        differences = both[columns].to_numpy(np.float64) - both[[f"{name}_again" for name in columns]].to_numpy()
        largest = float(np.abs(differences).max())
    same_class = int((both["predicted"] == both["predicted_again"]).sum())
    agreement = Agreement.UNLIKE
    if not unmatched and largest <= tolerance:
        agreement = Agreement.EQUAL if largest == 0 and same_class == len(both) else Agreement.NEAR
    known = record.synthetic_digests
    return Verification(
        trial=record.trial,
        agreement=agreement,
        tolerance=tolerance,
        images=len(predictions),
        unmatched=unmatched,
        same_class=same_class,
        largest=largest,
        scores=tuple(_scores(record, again)),
        images_equal={label: again.synthetic_digests.get(label) == digest for label, digest in known.items()}
        if known
        else None,
        conditions=tuple(_conditions(record, again)),
    )


def _scores(record: Record, again: Record) -> Iterator[Difference]:
    for split, scores in record.scores.items():
        for name, value in scores.items():
            now = again.scores.get(split, {}).get(name)
            if now != value:
                yield Difference(f"{split} {name}", value, now)


def _conditions(record: Record, again: Record) -> Iterator[Difference]:
    """Data, settings, weights, software and hardware that are others than on record."""
    before, now = (dict(_facts(each)) for each in (record, again))
    for what in dict.fromkeys([*before, *now]):
        if before.get(what) != now.get(what):
            yield Difference(what, before.get(what), now.get(what))


def _facts(record: Record) -> Iterator[tuple[str, Any]]:
    yield "data", record.dataset.digest
    yield "protocol", f"{record.protocol.name} v{record.protocol.version}"
    for name, value in record.protocol.switches.items():
        yield f"protocol {name}", value
    yield "real images", record.splits
    for label, pair in record.prompts.items():
        yield f"prompts of {label}", [pair.generator, pair.classifier]
    for part, used in (("generator", record.generator), ("classifier", record.classifier)):
        if used is not None:
            for key, value in used.model_dump(mode="json", exclude={"name", "role", "images_are"}).items():
                named = value.items() if isinstance(value, dict) and key != "ran" else [("", value)]
                yield from ((f"{part} {key} {name}".rstrip(), each) for name, each in named)
    yield "number format", record.dtype
    yield "device", None if record.device is None else record.device.name
    yield "Python", record.environment.python
    yield "platform", record.environment.platform
    for name, version in record.environment.packages.items():
        yield name, version
    yield "commit", record.environment.git_commit
