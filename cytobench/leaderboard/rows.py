"""One row of the leaderboard from the records of its folds."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, sqrt

from cytobench.leaderboard.model import Cell, Figure, Row
from cytobench.metrics import METRICS
from cytobench.records import ClassifierUsed, GeneratorUsed, Record


def make_row(records: Sequence[Record], declared: Sequence[int], splits: Sequence[str], settings: str) -> Row:
    """The row of these records, one a fold in order of folds; not ranked yet."""
    first = records[0]
    done = [record for record in records if record.status == "done"]
    finished = {record.protocol.fold for record in done}
    missing = tuple(fold for fold in declared if fold not in finished)
    seconds, paid = cost(records)
    return Row(
        row=first.row,
        generator=first.generator.name if first.generator else "none",
        classifier=first.classifier.name,
        shots=first.shots,
        n_synthetic=first.n_synthetic,
        preset=first.preset,
        generator_ran=_ran([record.generator for record in records if record.generator]),
        classifier_ran=_ran([record.classifier for record in records]),
        figures={(split, metric): _figure(done, (split, metric)) for split in splits for metric in METRICS},
        best=frozenset(),
        rank=None,
        made_elsewhere=first.made_elsewhere,
        complete=not missing,
        missing=missing,
        failed={
            record.protocol.fold: f"{record.error.type}: {record.error.message}"
            for record in records
            if record.error is not None
        },
        shortfall=shortfall(records),
        settings=settings,
        seconds=seconds,
        seconds_paid=paid,
        images_per_second=_sampling_rate(records),
        peak_memory_mib=max(
            (stage.peak_memory_mib for record in records for stage in record.stages if stage.peak_memory_mib),
            default=None,
        ),
    )


def summarise(values: Sequence[float]) -> Figure:
    """Mean and sample standard deviation (ddof 1)."""
    n = len(values)
    if n == 0:
        return Figure(None, None, 0)
    mean = fsum(values) / n
    std = sqrt(fsum((value - mean) ** 2 for value in values) / (n - 1)) if n > 1 else None
    return Figure(mean, std, n)


def cost(records: Sequence[Record]) -> tuple[float, float]:
    """Seconds of all stages behind these records, each once, and of those that their runs did themselves."""
    whole: dict[tuple[str, str, str | None], float] = {}
    paid: dict[tuple[str, str, str | None], float] = {}
    for record in records:
        of_record: dict[tuple[str, str, str | None], float] = {}
        for stage in record.stages:
            identity = (stage.kind, stage.key, stage.label)
            of_record[identity] = of_record.get(identity, 0.0) + stage.seconds
            if not stage.reused:
                paid[identity] = max(paid.get(identity, 0.0), stage.seconds)
        for identity, seconds in of_record.items():
            whole[identity] = max(whole.get(identity, 0.0), seconds)
    return fsum(whole.values()), fsum(paid.values())


def shortfall(records: Sequence[Record]) -> str:
    """Classes with fewer shots than asked for: ``LYA 6 of 16``, or ``6-7 of 16`` where folds differ."""
    asked = records[0].shots
    found = []
    for label in records[0].shots_used:
        used = [record.shots_used[label] for record in records if label in record.shots_used]
        low, high = min(used), max(used)
        if low < asked:
            found.append(f"{label} {low if low == high else f'{low}-{high}'} of {asked}")
    return ", ".join(found)


def _figure(done: Sequence[Record], cell: Cell) -> Figure:
    split, metric = cell
    values = [record.scores.get(split, {}).get(metric) for record in done]
    return summarise([value for value in values if value is not None])


def _ran(used: Sequence[GeneratorUsed | ClassifierUsed]) -> str:
    if not used:
        return ""
    texts = []
    for plugin in used:
        if plugin.ran is not None:
            ran = plugin.ran
            side = f", {ran.resolution} px" if ran.resolution is not None else ""
            texts.append(f"{ran.weights}, {ran.architecture}{side}")
    return "; ".join(dict.fromkeys(texts)) or "did not run"


def _sampling_rate(records: Sequence[Record]) -> float | None:
    rated = [
        (stage.images, stage.images_per_second)
        for record in records
        for stage in record.stages
        if stage.kind == "sample" and stage.images and stage.images_per_second
    ]
    busy = fsum(images / rate for images, rate in rated)
    return sum(images for images, _ in rated) / busy if busy else None
