"""Trials on record, listed, and one of them in full, as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cytobench._text import aligned_lines, did_you_mean, printable
from cytobench.errors import UserError
from cytobench.metrics.built_in import STUDY
from cytobench.reporting.words import SPLIT_NAMES, duration, first_line
from cytobench.storage.records import Record


def find_trial(records: Mapping[Path, Record], trial: str) -> Record:
    """The record of a trial, by its name or the path of its file. Raises UserError with near names."""
    matches = {file: record for file, record in records.items() if trial in (record.trial, file.name, str(file))}
    if len(matches) > 1:
        listing = ", ".join(map(str, matches))
        raise UserError(f"{trial} is on record {len(matches)} times: {listing}. Name the path of one.")
    if not matches:
        hint = did_you_mean(trial, [record.trial for record in records.values()])
        raise UserError(f"{trial}: no such trial on record.{hint} `cytobench show DIR` lists all.")
    return next(iter(matches.values()))


def trials_text(records: Sequence[Record]) -> str:
    """A line a trial: its name, what it scored on test, its seconds, and why it failed."""
    rows = [("trial", *(metric.title for metric in STUDY), "time", "")]
    for record in records:
        scores = record.scores.get("test", {})
        figures = [_number(scores.get(metric.name)) for metric in STUDY]
        why = "" if record.error is None else f"FAILED: {record.error.type}: {first_line(record.error.message)}"
        rows.append((record.trial, *figures, duration(sum(stage.seconds for stage in record.stages)), why))
    return "\n".join(aligned_lines(rows)) + "\n"


def trial_text(record: Record) -> str:
    """All that is on record of a trial but its predictions and the benchmark, which have files of their own."""
    blocks = [
        [f"{record.trial}  {record.status.upper() if record.status == 'failed' else record.status}"],
        aligned_lines(_facts(record)),
        _scores(record),
        _images(record),
        _stages(record),
        _copies(record),
        _fidelity(record),
        _settings(record),
        _error(record),
    ]
    return printable("\n\n".join("\n".join(block) for block in blocks if block)) + "\n"


def _facts(record: Record) -> list[tuple[str, str]]:
    data, protocol = record.dataset, record.protocol
    cut = f", cut to {data.limit} a class" if data.limit else ""
    drawn = ", drawn by a program" if data.drawn else ""
    facts = [
        ("row", record.row),
        ("data", f"{data.name}, {data.n_images} images of {len(data.labels)} classes{cut}{drawn}, {data.digest[:12]}"),
        ("protocol", f"{protocol.name} v{protocol.version}, fold {protocol.fold} of {protocol.folds}, {record.preset}"),
        ("seed", str(record.seed)),
    ]
    for part, used in (("generator", record.generator), ("classifier", record.classifier)):
        if used is not None:
            plugin = f"{used.plugin} ({used.distribution} {used.version}), revision {used.revision}"
            ran = "" if used.ran is None else f": {used.ran.architecture}, weights {used.ran.weights}"
            facts.append((part, plugin + ran))
    device = "-" if record.device is None else f"{record.device.name}, {record.dtype}"
    packages = record.environment.packages
    software = f"cytobench {packages.get('cytobench', '-')}, Python {record.environment.python}"
    return [
        *facts,
        ("device", device),
        ("software", software + (f", commit {record.environment.git_commit}" if record.environment.git_commit else "")),
        ("finished", record.finished),
    ]


def _scores(record: Record) -> list[str]:
    rows = [("scores", *(metric.title for metric in STUDY))]
    rows += [
        (SPLIT_NAMES.get(split, split), *(_number(scores.get(metric.name)) for metric in STUDY))
        for split, scores in record.scores.items()
    ]
    return aligned_lines(rows) if record.scores else []


def _images(record: Record) -> list[str]:
    parts = list(record.splits)
    if not parts:
        return []
    rows = [("real images", *parts, *(["shots"] if record.shots_used else []))]
    for label in record.dataset.labels:
        shots = [str(record.shots_used.get(label, 0))] if record.shots_used else []
        rows.append((label, *(str(record.splits[part].get(label, 0)) for part in parts), *shots))
    return aligned_lines(rows)


def _stages(record: Record) -> list[str]:
    """Stages of one kind together: a generator has a fit and a sampling for each class."""
    rows = [("stage", "times", "time", "images", "peak memory", "threads", "found done")]
    for kind in dict.fromkeys(stage.kind for stage in record.stages):
        stages = [stage for stage in record.stages if stage.kind == kind]
        peaks = [stage.peak_memory_mib for stage in stages if stage.peak_memory_mib is not None]
        images = [stage.images for stage in stages if stage.images is not None]
        rows.append(
            (
                *(kind, str(len(stages)), duration(sum(stage.seconds for stage in stages))),
                str(sum(images)) if images else "-",
                f"{max(peaks):.0f} MiB" if peaks else "-",
                ", ".join(sorted({str(stage.threads or "-") for stage in stages})),
                str(sum(stage.reused for stage in stages)),
            )
        )
    return aligned_lines(rows) if record.stages else []


def _copies(record: Record) -> list[str]:
    """Which synthetic images are copies of real ones, a line a class that has some, with the nearest."""
    if record.status == "failed" or record.generator is None or not record.n_synthetic:
        return []
    copies = record.copies
    if copies is None:
        return ["copies of real images: not checked"]
    lines = [f"copies of real images: {copies.found} of {copies.n_images}, compared with {copies.n_real} real images"]
    for label, of_class in copies.classes.items():
        if of_class.images:
            numbers = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in of_class.images)
            first = of_class.nearest[0]
            how = "nearly equals" if first.difference or not of_class.equal else "equals"
            lines.append(
                f"  {label}: images {numbers} ({of_class.equal} in every pixel); image {first.image} {how} {first.real}"
            )
    return lines


def _fidelity(record: Record) -> list[str]:
    rows: list[tuple[str, ...]] = [("fidelity", "real", "synthetic", "KID", "FID", "precision", "recall")]
    for used in record.fidelity:
        total = used.total
        figures = [
            "too few" if figure is None else f"{figure.value:.4f}"
            for figure in (total.kid, total.fid, total.precision, total.recall)
        ]
        rows.append((used.extractor.name, str(total.n_real), str(total.n_synthetic), *figures))
    lines = aligned_lines(rows) if record.fidelity else []
    for used in record.fidelity:
        if used.total.copying is not None:
            lines.append(f"{used.extractor.name}: {used.total.copying['verdict']}")
    failed = [f"{name}: FAILED: {why.type}: {first_line(why.message)}" for name, why in record.fidelity_failed.items()]
    return [*lines, *failed]


def _settings(record: Record) -> list[str]:
    generator = record.generator
    settings: dict[str, Any] = {} if generator is None else {**generator.fit_config, **generator.sample_config}
    rows = [(f"{generator.name}.{key}", json.dumps(value)) for key, value in settings.items()] if generator else []
    rows += [(f"{record.classifier.name}.{key}", json.dumps(value)) for key, value in record.classifier.config.items()]
    return aligned_lines([("settings", ""), *rows]) if rows else []


def _error(record: Record) -> list[str]:
    if record.error is None:
        return []
    return [f"{record.error.type}: {record.error.message}", *(record.error.traceback or "").splitlines()]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
