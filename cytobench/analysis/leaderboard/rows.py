"""One row of the leaderboard from the records of its folds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import fsum, sqrt
from statistics import stdev

from cytobench.analysis.leaderboard.environments import environments
from cytobench.analysis.leaderboard.model import (
    SUBMITTED,
    Aggregate,
    Maker,
    MetricFailure,
    RealCopies,
    Replicate,
    Row,
    ScoreKey,
)
from cytobench.analysis.leaderboard.standing import split_ratio
from cytobench.metrics.metric import Metric
from cytobench.storage.records import ClassifierUsed, GeneratorUsed, Record
from cytobench.storage.stage_kind import StageKind

_Stage = tuple[str, str, str | None]
"""Kind, key and label of a stage: equal ones are the same work."""


def replicate_of(record: Record) -> Replicate:
    """The replicate of a record among those of its row; 0 stands for the seed of a split that does not say it."""
    return Replicate(record.seed or 0, record.protocol.fold)


def make_row(
    records: Sequence[Record],
    declared: Sequence[Replicate],
    splits: Sequence[str],
    metrics: Sequence[Metric],
    settings: str,
    unchecked: Collection[str | None] = (),
) -> Row:
    """The row of these records, one a replicate in their order; not ranked yet. ``unchecked`` are digests of records
    without predictions.
    """
    first = records[0]
    done = [record for record in records if record.status == "done"]
    finished = {replicate_of(record) for record in done}
    missing = tuple(where for where in declared if where not in finished)
    seconds, paid = cost(records)
    generator = first.generator.name if first.generator else "none"
    shown = [(split, metric.name) for split in splits for metric in metrics]
    recorded = [(split, name) for record in done for split, scores in record.scores.items() for name in scores]
    values = {key: _values(done, key) for key in dict.fromkeys([*shown, *recorded])}
    return Row(
        row=first.row,
        generator=SUBMITTED if first.submission else generator,
        classifier=first.classifier.name,
        shots=first.shots,
        n_synthetic=first.n_synthetic,
        preset=first.preset,
        generator_ran=_ran([record.generator for record in records if record.generator]),
        classifier_ran=SUBMITTED if first.submission else _ran([record.classifier for record in records]),
        submitted=first.submission is not None,
        aggregates={key: aggregate(values[key]) for key in shown},
        best=frozenset(),
        rank=None,
        made_elsewhere=first.made_elsewhere,
        complete=not missing,
        missing=missing,
        failed={
            replicate_of(record): f"{record.error.type}: {record.error.message}"
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
        ratio=split_ratio(first),
        values=values,
        environments=environments([(replicate_of(record), record) for record in done]),
        makers=() if first.submission else makers(records),
        metrics_failed=_failures(done, splits, metrics),
        predictions={replicate_of(each): each.predictions_digest for each in done if each.predictions_digest},
        unchecked=tuple(replicate_of(record) for record in done if record.digest in unchecked),
        copies=real_copies(done),
    )


def real_copies(done: Sequence[Record]) -> RealCopies | None:
    """Copies of real images among the synthetic ones of finished trials; None where they have none of these."""
    synthetic = [record for record in done if record.generator is not None and record.n_synthetic]
    if not synthetic:
        return None
    checked = {record.copies.key: record.copies for record in synthetic if record.copies is not None}
    return RealCopies(
        n_images=sum(copies.n_images for copies in checked.values()),
        equal=sum(copies.equal for copies in checked.values()),
        found=sum(copies.found for copies in checked.values()),
        unchecked=sum(record.copies is None for record in synthetic),
        by_design=synthetic[0].copies_by_design,
    )


def aggregate(values: Mapping[Replicate, float]) -> Aggregate:
    """The figure of these values; see :class:`~cytobench.analysis.leaderboard.model.Aggregate` for its spreads."""
    if not values:
        return Aggregate(None, None, 0)
    by_seed: dict[int, list[float]] = {}
    for where, value in values.items():
        by_seed.setdefault(where.seed, []).append(value)
    means = [fsum(group) / len(group) for group in by_seed.values()]
    squares = fsum((value - mean) ** 2 for group, mean in zip(by_seed.values(), means, strict=True) for value in group)
    freedom = len(values) - len(means)
    return Aggregate(
        mean=fsum(values.values()) / len(values),
        std=sqrt(squares / freedom) if freedom else None,
        folds=len({where.fold for where in values}),
        seeds=len(means),
        std_seeds=stdev(means) if len(means) > 1 else None,
    )


def makers(records: Sequence[Record]) -> tuple[Maker, ...]:
    """The distributions behind these records, generators first; each version of one stands alone."""
    generators = (("generator", record.generator) for record in records if record.generator)
    classifiers = (("classifier", record.classifier) for record in records)
    used = (*generators, *classifiers)
    return tuple(dict.fromkeys(Maker(part, plugin.distribution, plugin.version) for part, plugin in used))


def cost(records: Sequence[Record]) -> tuple[float, float] | tuple[None, None]:
    """Seconds of all stages behind these records, each once, and of those that their runs did themselves.

    Comparing with real images and measuring fidelity are left out: a row costs the same however its images are
    looked at. None of a submission,
    whose time nobody measured.
    """
    if any(record.submission for record in records):
        return None, None
    whole, paid = _stages(records)
    return fsum(whole.values()), fsum(paid.values())


def stage_seconds(records: Sequence[Record]) -> dict[str, float]:
    """Seconds of all stages behind these records by kind (``fit``, ``sample``, ``train``, ``predict``), each once.

    They sum to what :func:`cost` says first; a submission has none.
    """
    by_kind: dict[str, list[float]] = {}
    for (kind, _, _), seconds in _stages(records)[0].items():
        by_kind.setdefault(kind, []).append(seconds)
    return {kind: fsum(seconds) for kind, seconds in by_kind.items()}


def _stages(records: Sequence[Record]) -> tuple[dict[_Stage, float], dict[_Stage, float]]:
    """Seconds of each stage but those that look at images, and of those that the records' runs did themselves."""
    whole: dict[_Stage, float] = {}
    paid: dict[_Stage, float] = {}
    for record in records:
        of_record: dict[_Stage, float] = {}
        for stage in record.stages:
            if stage.kind in (StageKind.COPIES, StageKind.FIDELITY):
                continue
            identity = (stage.kind, stage.key, stage.label)
            of_record[identity] = of_record.get(identity, 0.0) + stage.seconds
            if not stage.reused:
                paid[identity] = max(paid.get(identity, 0.0), stage.seconds)
        for identity, seconds in of_record.items():
            whole[identity] = max(whole.get(identity, 0.0), seconds)
    return whole, paid


def shortfall(records: Sequence[Record]) -> str:
    """Classes with fewer shots than asked for: ``LYA 6 of 16``, or ``6-7 of 16`` where folds differ."""
    asked = records[0].shots
    short = []
    for label in records[0].shots_used:
        used = [record.shots_used[label] for record in records if label in record.shots_used]
        low, high = min(used), max(used)
        if low < asked:
            short.append(f"{label} {low if low == high else f'{low}-{high}'} of {asked}")
    return ", ".join(short)


def _values(done: Sequence[Record], key: ScoreKey) -> dict[Replicate, float]:
    split, metric = key
    values = {replicate_of(record): record.scores.get(split, {}).get(metric) for record in done}
    return {where: value for where, value in values.items() if value is not None}


def _failures(done: Sequence[Record], splits: Sequence[str], metrics: Sequence[Metric]) -> dict[str, MetricFailure]:
    failures = {}
    for metric in metrics:
        reasons = [record.metrics_failed.get(split, {}).get(metric.name) for record in done for split in splits]
        failed = [reason for reason in reasons if reason is not None]
        if failed:
            failures[metric.name] = MetricFailure(failed[0], len(failed), len(reasons))
    return failures


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
        if stage.kind == StageKind.SAMPLE and stage.images and stage.images_per_second
    ]
    busy = fsum(images / rate for images, rate in rated)
    return sum(images for images, _ in rated) / busy if busy else None
