"""From records to sections and ranked rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from cytobench._dataset import Finding
from cytobench.analysis.leaderboard.fidelity import fidelity_tables
from cytobench.analysis.leaderboard.majority import majority
from cytobench.analysis.leaderboard.model import Leaderboard, Maker, Replicate, Row, ScoreKey, Section
from cytobench.analysis.leaderboard.rows import make_row, replicate_of
from cytobench.analysis.leaderboard.standing import compare_with_best
from cytobench.data.external import with_gaps
from cytobench.data.seen import DECLARATIONS
from cytobench.metrics.built_in import BUILT_IN, STUDY
from cytobench.metrics.metric import Metric
from cytobench.metrics.scoring import SPLITS
from cytobench.storage.records import NO_SETTINGS, Record
from cytobench.storage.records.metrics import is_here


def leaderboard(
    records: Iterable[Record],
    metrics: Sequence[Metric] = STUDY,
    ranked_by: Metric | None = None,
    unchecked: Collection[str | None] = (),
) -> Leaderboard:
    """Group records into sections that may be compared, and rank the complete rows of each.

    ``metrics`` are shown, in this order; ``ranked_by``, one of them, gives the rank, on test, and is what rows are
    compared by. Without it they are ranked by macro F1 and compared by what is declared. ``unchecked`` are digests of
    records whose predictions are not there: their rows are not ranked.

    Records of different data (or another cut of them), protocols, presets, devices, seeds, numbers of folds
    train-only classes, or of shots chosen in another way, are never in one section.
    Submitted predictions stand beside every run on the same data and folds, whatever its preset and device, of which
    they have none; else alone.
    """
    return Leaderboard(tuple(_section(group, tuple(metrics), ranked_by, unchecked) for group in comparable(records)))


def comparable(records: Iterable[Record]) -> list[list[Record]]:
    """The records of each section, in the order of sections, those of runs first.

    A submission is in every section of the data and folds it was tested on, where the runs there declare a replicate.
    """
    submitted: dict[str, list[Record]] = {}
    ran: dict[str, list[Record]] = {}
    for record in records:
        if record.submission is None:
            ran.setdefault(_section_key(record), []).append(record)
        else:
            submitted.setdefault(tested_key(record), []).append(record)
    tested = {key: tested_key(group[0]) for key, group in ran.items()}
    groups = []
    for key, group in sorted(ran.items(), key=_by_name):
        declared = _declared_by(group)
        groups.append([*group, *(each for each in submitted.get(tested[key], ()) if replicate_of(each) in declared)])
    return groups + [group for key, group in sorted(submitted.items(), key=_by_name) if key not in tested.values()]


def _by_name(group: tuple[str, Sequence[Record]]) -> tuple[str, str]:
    """The order of sections: by the first name of their data set, which is in no key."""
    key, records = group
    return min(record.dataset.name for record in records), key


def rows_of(records: Iterable[Record]) -> list[tuple[str, list[Record]]]:
    """Each row of a section: what tells it from others of its name, and one record a replicate, in their order."""
    groups = [one_per_replicate(group) for group in _grouped(records, _row_key).values()]
    result = []
    for group in groups:
        twins = [other for other in groups if other[0].row == group[0].row]
        result.append((_difference(group, twins) if len(twins) > 1 else "", group))
    return result


def _section_key(record: Record) -> str:
    """Records with equal keys are of runs that may be ranked together."""
    device = record.device.name if record.device else None
    external = record.external_test.digest if record.external_test else None
    return json.dumps([tested_key(record), record.preset, device, record.dtype, external, record.shots_chosen])


def tested_key(record: Record) -> str:
    """Records with equal keys are of the same data, divided and tested in the same way: all but how a run ran."""
    protocol = record.protocol
    return json.dumps(
        [
            record.dataset.digest,
            record.dataset.drawn,
            record.dataset.limit or 0,
            record.dataset.labels,
            protocol.name,
            protocol.version,
            protocol.switches,
            protocol.folds,
            _first_seed(record),
            sorted(record.train_only),
            sorted(record.benchmark.get("merge", ())),
            _seen_list(record),
        ],
        sort_keys=True,
    )


def _row_key(record: Record) -> str:
    """Trials with equal keys differ by seed and fold alone; two settings of one plugin are two rows."""
    return json.dumps([record.row, _settings(record)], sort_keys=True)


def _settings(record: Record) -> dict[str, Any]:
    used = {"generator": record.generator, "classifier": record.classifier}
    submission = record.submission
    settings: dict[str, Any] = {"predictions": submission.predictions_digest} if submission else {}
    settings |= {f"prompt.{label}": [pair.generator, pair.classifier] for label, pair in record.prompts.items()}
    for part, plugin in used.items():
        if plugin is None:
            continue
        values = plugin.model_dump(mode="json", exclude={*NO_SETTINGS, "weights"})
        for name, value in values.items():
            if isinstance(value, dict):
                settings |= {f"{part}.{key}": setting for key, setting in value.items()}
            else:
                settings[f"{part}.{name}"] = value
        settings |= {f"{part}.weights.{name}": weights.digest for name, weights in plugin.weights.items()}
    return settings


def _grouped(records: Iterable[Record], key: Callable[[Record], str]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups


def _section(
    records: Sequence[Record], metrics: tuple[Metric, ...], asked: Metric | None, unchecked: Collection[str | None]
) -> Section:
    first = records[0]
    metric = asked or BUILT_IN["f1_macro"]
    declared = _declared_by(records)
    present = {split for record in records for split in record.scores}
    splits = tuple(split for split in SPLITS if split in present) or ("validation", "test")
    groups = rows_of(records)
    rows = [make_row(group, declared, splits, metrics, settings, unchecked) for settings, group in groups]
    pooled = bool(first.protocol.switches.get("pooled"))
    # Where synthetic images are among those tested, each number of them has another test set.
    ranked_by = ("test_real" if pooled else "test", metric.name)
    ranked = _ranked([_with_gaps(row, ranked_by, declared) for row in rows], metrics, ranked_by, pooled)
    return Section(
        dataset=first.dataset.name,
        other_names=tuple(sorted({record.dataset.name for record in records} - {first.dataset.name})),
        dataset_digest=first.dataset.digest,
        drawn=first.dataset.drawn,
        limit=first.dataset.limit,
        grouped=first.dataset.grouped,
        findings=_findings(records),
        protocol=first.protocol.name,
        protocol_version=first.protocol.version,
        preset=first.preset,
        device=first.device.name if first.device else "",
        seeds=() if first.seed is None else tuple(sorted({where.seed for where in declared})),
        train_only=first.train_only,
        seen_list=_seen_list(first),
        external=_external(first),
        shots_chosen=first.shots_chosen,
        merged=tuple(first.benchmark.get("merge", ())),
        n_images=first.dataset.n_images,
        n_classes=len(first.evaluated),
        folds_declared=tuple(sorted({where.fold for where in declared})),
        folds_made=first.protocol.folds,
        switches=first.protocol.switches,
        splits=splits,
        metrics=metrics,
        ranked_by=ranked_by,
        asked=None if asked is None else asked.name,
        rows=compare_with_best(ranked, ranked_by, metric, pooled),
        majority=majority(records, splits, metrics),
        dataset_maker=_dataset_maker(first),
        not_computed=_not_computed(records, metrics),
        fidelity=fidelity_tables(groups),
    )


def _with_gaps(row: Row, ranked_by: ScoreKey, declared: Sequence[Replicate]) -> Row:
    """The row with the finished replicates that lack the score that ranks; none where no replicate has it."""
    scored = row.values.get(ranked_by, {})
    return replace(row, gaps=tuple(sorted({*declared} - {*row.missing, *scored}))) if scored else row


def _findings(records: Sequence[Record]) -> tuple[Finding, ...] | None:
    """What any of the records says was found in the data, each once; None if none says whether it was looked for."""
    known = [record.findings for record in records if record.findings is not None]
    if not known:
        return None
    return tuple(dict.fromkeys(Finding(found.kind, found.text) for each in known for found in each))


def _not_computed(records: Sequence[Record], metrics: Sequence[Metric]) -> tuple[str, ...]:
    """The metrics shown that records have and no plugin here computes again, each with whose it is."""
    texts = {}
    for metric in metrics:
        having = [record for record in records if metric.name in record.metrics]
        if any(not is_here(record, metric) for record in having):
            used = having[0].metrics[metric.name]
            texts[metric.name] = f"{metric.title} of {used.distribution} {used.version}"
    return tuple(texts.values())


def _seen_list(record: Record) -> str | None:
    """The list of images that are in training alone, which gives a run other folds."""
    declared = record.benchmark.get("trained_on")
    return None if declared in DECLARATIONS else declared


def _dataset_maker(record: Record) -> Maker | None:
    used = record.dataset
    return None if used.distribution is None else Maker("data set", used.distribution, used.version or "")


def _external(record: Record) -> str | None:
    """What the outside test set is."""
    used = record.external_test
    if used is None:
        return None
    lacks = [label for label in record.evaluated if not used.classes.get(label)]
    images = f"{used.n_images} images (data {used.digest[:12]})"
    return f"{used.name}, {with_gaps(images, lacks, used.copies_left_out, used.patients_left_out)}"


def _first_seed(record: Record) -> int:
    """The seed of the run's first repeat."""
    return int(record.benchmark.get("seed", replicate_of(record).seed))


def _declared_by(records: Sequence[Record]) -> list[Replicate]:
    """The replicates that a section's runs declare; where submissions stand alone, those that they have."""
    runs = [record for record in records if record.submission is None]
    return sorted({where for record in runs or records for where in _declared(record)})


def _declared(record: Record) -> list[Replicate]:
    folds = record.benchmark.get("fold")
    seeds = range(_first_seed(record), _first_seed(record) + record.benchmark.get("repeats", 1))
    return [
        Replicate(seed, fold) for seed in seeds for fold in (range(record.protocol.folds) if folds is None else folds)
    ]


def one_per_replicate(records: Iterable[Record]) -> list[Record]:
    """One record a replicate, in their order: a finished one before a failed one, then the newest."""
    chosen: dict[Replicate, Record] = {}
    for record in sorted(records, key=lambda record: (record.status == "done", record.finished)):
        chosen[replicate_of(record)] = record
    return [chosen[where] for where in sorted(chosen)]


def _difference(group: Sequence[Record], twins: Sequence[Sequence[Record]]) -> str:
    settings, others = _settings(group[0]), [_settings(twin[0]) for twin in twins]
    differing = [key for key in sorted(settings) if any(other.get(key) != settings[key] for other in others)]
    return ", ".join(f"{key}={settings[key]}" for key in differing)


def _ranked(rows: Sequence[Row], metrics: Sequence[Metric], ranked_by: ScoreKey, pooled: bool) -> tuple[Row, ...]:
    """Rows that may be ranked first, the best of them on top; equal scores share a rank. Then the others.

    Where synthetic images are tested too, rows of different numbers of them share no test set: rank and best are then
    those of the real images alone.
    """
    by_name = {metric.name: metric for metric in metrics}

    def goodness(row: Row, key: ScoreKey) -> float:
        return _goodness(row, key, by_name[key[1]])

    ordered = sorted(rows, key=lambda row: (not row.ranked, -goodness(row, ranked_by), row.row, row.settings))
    ranked = [row for row in ordered if row.ranked]
    keys = {key for row in ranked for key, score in row.aggregates.items() if score.mean is not None}
    best = {key: max(goodness(row, key) for row in ranked) for key in keys if not pooled or key[0].endswith("_real")}
    result = []
    for row in ordered:
        if row.ranked:
            rank = 1 + sum(goodness(other, ranked_by) > goodness(row, ranked_by) for other in ranked)
            winning = frozenset(key for key, top in best.items() if goodness(row, key) >= top)
            row = replace(row, rank=rank, best=winning)
        result.append(row)
    return tuple(result)


def _goodness(row: Row, key: ScoreKey, metric: Metric) -> float:
    """A score as printed, so that what looks equal is ranked and marked equally; the greater the better."""
    score = row.aggregates.get(key)
    return -inf if score is None or score.mean is None else metric.goodness(round(score.mean, metric.digits))
