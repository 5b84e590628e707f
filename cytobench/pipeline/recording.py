"""Records of trials, from what a run knows: the stages behind each, what was used, and where it ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cytobench.config.benchmark import Benchmark
from cytobench.config.grid import ReadyClassifier, ReadyExtractor, ReadyGenerator, Trial
from cytobench.config.options import plain_settings
from cytobench.config.resolve import Resolved
from cytobench.data.external import ExternalTest
from cytobench.data.findings import grouping
from cytobench.data.seen import DECLARATIONS
from cytobench.metrics.copying.search import REVISION
from cytobench.metrics.scoring import Scores
from cytobench.pipeline.environment import device_info, environment
from cytobench.pipeline.findings import Findings
from cytobench.pipeline.graph import PlannedTrial
from cytobench.pipeline.planned import PlannedStage
from cytobench.pipeline.stages.fidelity import kept_figures
from cytobench.storage.compared_sets import Copy, runs_of
from cytobench.storage.image_sets import images_digest
from cytobench.storage.records import Record
from cytobench.storage.records.metrics import metrics_used

if TYPE_CHECKING:
    import pandas as pd


NEAREST = 8
"""Images of a class that a record names with the real ones that they equal or nearly equal."""


@dataclass
class Recorder:
    """Makes the records of one run."""

    resolved: Resolved
    paid: set[str] = field(default_factory=set)
    """Keys of stages and of image sets made in this run, to tell what it paid."""
    _digests: dict[tuple[str, int], str] = field(default_factory=dict)
    findings: Findings = field(init=False)
    """What was found in the data."""
    began: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __post_init__(self) -> None:
        self.findings = Findings(self.resolved)

    def done(
        self,
        planned: PlannedTrial,
        report: Mapping[str, Any],
        ran: Mapping[str, Any],
        scored: Mapping[str, Scores],
        unmeasured: Mapping[str, Mapping[str, str]],
    ) -> Record:
        """The record of a finished trial. ``report`` is its prediction's, ``ran`` what really predicted.

        ``unmeasured`` are its fidelities that failed, by extractor, as :class:`~cytobench.storage.records.Failure`.
        """
        stages, curves, generator_ran = self._stages(planned)
        fidelity, timed = self._fidelity(planned)
        trial = planned.trial
        return self._record(
            planned,
            key=report["key"],
            status="done",
            scores={split: scores.values for split, scores in scored.items()},
            metrics_failed={split: scores.failed for split, scores in scored.items() if scores.failed},
            metrics=metrics_used(self.resolved.metrics),
            stages=[*stages, *self._compared(planned), *timed, {**report, "reused": False}],
            fidelity=fidelity,
            copies=self._copies(planned),
            fidelity_failed=unmeasured,
            curves=curves,
            synthetic_digests=self._synthetic(planned),
            classifier=_plugin_part(trial.arm.classifier, ran),
            generator=_plugin_part(trial.arm.generator, generator_ran),
        )

    def failed(self, planned: PlannedTrial, error: Mapping[str, Any]) -> Record:
        """The record of a failed trial; ``error`` has the fields of :class:`~cytobench.storage.records.Failure`."""
        trial = planned.trial
        return self._record(
            planned,
            key="",
            status="failed",
            scores={},
            stages=[],
            curves=[],
            classifier=_plugin_part(trial.arm.classifier, None),
            generator=_plugin_part(trial.arm.generator, None),
            error=error,
        )

    def _stages(
        self, planned: PlannedTrial
    ) -> tuple[list[dict[str, Any]], list[dict[str, float]], dict[str, Any] | None]:
        """Reports of what lies behind a trial (as far as the store still has it), curves, and what generated."""
        reports, ran = [], None
        if planned.sample is not None:
            reports += [report for fit in planned.sample.fits if (report := self._kept(fit)) is not None]
            for share in planned.sample.classes:
                blocks = [report for n in share.images.blocks(share.n) if (report := share.images.report(n))]
                if blocks:
                    ran = blocks[0]["ran"]
                    reports.append({**_summed(blocks), "reused": share.images.folder.name not in self.paid})
        curves: list[dict[str, float]] = []
        trained = self._kept(planned.training)
        if trained is not None:
            curves = trained.pop("curves")
            reports.append({name: value for name, value in trained.items() if name not in ("picked", "last")})
        return reports, curves, ran

    def _synthetic(self, planned: PlannedTrial) -> dict[str, str]:
        """A digest of the synthetic images of each class; sets that several trials share are read once."""
        digests = {}
        for share in planned.sample.classes if planned.sample else ():
            place = share.images.folder.name, share.n
            if place not in self._digests:
                self._digests[place] = images_digest(share.images, share.n)
            digests[share.label] = self._digests[place]
        return digests

    def _kept(self, stage: PlannedStage) -> dict[str, Any] | None:
        """The report that a stage left in the store, with whether this run paid for it."""
        entry = stage.store.find(stage.kind, stage.key)
        return None if entry is None else {**entry.report, "reused": stage.key not in self.paid}

    def _compared(self, planned: PlannedTrial) -> list[dict[str, Any]]:
        """The reports of comparing a trial's synthetic images with the real ones, one a class."""
        reports = []
        for _, compared, n in () if planned.copies is None else planned.copies.sets:
            blocks = [report for number in compared.images.blocks(n) if (report := compared.report(number))]
            if blocks:
                reports.append({**_summed(blocks), "reused": compared.folder.name not in self.paid})
        return reports

    def _copies(self, planned: PlannedTrial) -> dict[str, Any] | None:
        """What comparing a trial's synthetic images with the real ones found, as a record keeps it."""
        if planned.copies is None:
            return None
        names, planner = self._names, planned.planner
        of_dataset = set(planner.dataset.table["digest"])
        return {
            "key": planned.copies.key,
            "revision": REVISION,
            "n_real": len(names),
            "n_external": len(names.keys() - of_dataset),
            "classes": {
                label: _copies_of_class(compared.copies(n), compared.whole(n), names)
                for label, compared, n in planned.copies.sets
            },
        }

    @cached_property
    def _names(self) -> dict[str, str]:
        """The path of every real image by its pixels, the data set's own before those of the outside test set."""
        tables = [self.resolved.dataset.table]
        if self.resolved.external is not None:
            tables.append(self.resolved.external.dataset.table)
        names: dict[str, str] = {}
        for table in tables:
            for digest, path in zip(table["digest"], table["path"], strict=True):
                names.setdefault(digest, path)
        return names

    def _fidelity(self, planned: PlannedTrial) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The fidelities of a trial's synthetic images, and the reports of their stages."""
        fidelities, reports = [], []
        for stage in planned.fidelities:
            kept = kept_figures(stage.store, stage.key)
            if kept is None:
                continue
            figures, report = kept
            dimension, ran = figures.pop("dimension"), figures.pop("ran")
            used = {**(_plugin_part(stage.ready, ran) or {}), "dimension": dimension}
            fidelities.append({"key": stage.key, "extractor": used, **figures})
            reports.append({**report, "reused": stage.key not in self.paid})
        return fidelities, reports

    def _record(self, planned: PlannedTrial, **parts: Any) -> Record:
        resolved, trial, planner = self.resolved, planned.trial, planned.planner
        dataset, benchmark = resolved.dataset, resolved.benchmark
        shots, fold = planner.shots(trial), planner.fold(trial)
        return Record.model_validate(
            {
                "trial": trial.name,
                "row": trial.arm.row,
                "dataset": {
                    "name": dataset.name,
                    "digest": dataset.digest,
                    "n_images": len(dataset.table),
                    "classes": _counts(dataset.table["label"], dataset.labels),
                    "labels": list(dataset.labels),
                    "public": dataset.public,
                    "drawn": dataset.drawn,
                    "distribution": dataset.distribution or None,
                    "version": dataset.version or None,
                    "limit": dataset.limited,
                    "grouped": grouping(dataset.table),
                },
                "protocol": {
                    "name": resolved.protocol.name,
                    "version": resolved.protocol.version,
                    "switches": resolved.protocol.switches,
                    "folds": benchmark.folds,
                    "fold": trial.fold,
                },
                "external_test": _external(resolved.external),
                "findings": [asdict(finding) for finding in self.findings.of(planner)],
                "made_elsewhere": _made_elsewhere(trial, benchmark),
                "train_only": list(benchmark.train_only),
                "preset": benchmark.preset,
                "shots": trial.arm.shots,
                "shots_used": {label: len(rows) for label, rows in shots.items()},
                "shots_chosen": resolved.choice.recorded,
                "n_synthetic": trial.arm.n,
                "seed": planner.seed,
                "splits": {
                    part: _counts(dataset.table["label"].iloc[rows], dataset.labels)
                    for part, rows in (("train", fold.train), ("validation", fold.val), ("test", fold.test))
                },
                "dtype": planner.dtype,
                "started": self.began,
                "environment": environment(),
                "device": device_info(planner.device),
                "prompts": {
                    label: {**asdict(pair), "origin": resolved.prompt_origins[label]}
                    for label, pair in resolved.prompts.items()
                },
                "benchmark": benchmark.model_dump(mode="json", exclude_none=True),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                **parts,
            }
        )


def _plugin_part(
    ready: ReadyGenerator | ReadyClassifier | ReadyExtractor | None, ran: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    if ready is None:
        return None
    spec = ready.offer.spec
    configs = (
        {"fit_config": ready.fit_config, "sample_config": ready.sample_config}
        if isinstance(ready, ReadyGenerator)
        else {"config": ready.config}
    )
    said = {name: getattr(spec, name) for name in ("role", "images_are") if hasattr(spec, name)}
    return {
        "name": ready.name,
        "plugin": spec.name,
        "distribution": ready.offer.origin,
        "version": ready.offer.version,
        "revision": spec.revision,
        "code": ready.offer.code or None,
        "weights": {name: {"source": a.source, "digest": a.digest} for name, a in ready.needs.assets.items()},
        "versions": dict(ready.needs.versions),
        "ran": ran,
        **said,
        **{name: plain_settings(config) for name, config in configs.items()},
    }


def _external(external: ExternalTest | None) -> dict[str, Any] | None:
    if external is None:
        return None
    dataset = external.dataset
    return {
        "name": dataset.name,
        "digest": dataset.digest,
        "n_images": len(dataset),
        "classes": _counts(dataset.table["label"], dataset.labels),
        "copies_left_out": external.copies,
        "patients_left_out": external.of_patients,
        "public": dataset.public,
    }


def _made_elsewhere(trial: Trial, benchmark: Benchmark) -> str:
    generator, declared = trial.arm.generator, benchmark.trained_on
    if generator is None or not generator.made_elsewhere:
        return "no"
    return "undeclared" if declared is None else declared if declared in DECLARATIONS else "listed"


def _counts(column: pd.Series[str], labels: Sequence[str]) -> dict[str, int]:
    counts = column.value_counts()
    return {label: int(counts.get(label, 0)) for label in labels}


def _copies_of_class(copies: Sequence[Copy], n_images: int, names: Mapping[str, str]) -> dict[str, Any]:
    nearest = sorted(copies, key=lambda copy: (copy.difference, copy.image))[:NEAREST]
    equal = sum(copy.equal for copy in copies)
    return {
        "n_images": n_images,
        "equal": equal,
        "near": len(copies) - equal,
        "images": runs_of([copy.image for copy in copies]),
        "nearest": [
            {"image": copy.image, "real": names[copy.real], "difference": copy.difference} for copy in nearest
        ],
    }


def _summed(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """One report for the blocks of a class: their seconds and images add up."""
    seconds = sum(block["seconds"] for block in blocks)
    load = sum(block["parts"].get("load", 0.0) for block in blocks)
    images = sum(block["images"] for block in blocks)
    used = {block.get("threads") for block in blocks}
    software: dict[str, set[str]] = {}
    for block in blocks:
        for name, version in block.get("software", {}).items():
            software.setdefault(name, set()).add(version)
    peaks = [block["peak_memory_mib"] for block in blocks if block["peak_memory_mib"] is not None]
    return {
        **{name: blocks[0][name] for name in ("kind", "key", "label", "when")},
        "device": " and ".join(dict.fromkeys(block["device"] for block in blocks)),
        "threads": used.pop() if len(used) == 1 else None,
        "software": {name: " and ".join(sorted(versions)) for name, versions in software.items()},
        "seconds": seconds,
        "parts": {"load": load} if load else {},
        "images": images,
        "images_per_second": images / (seconds - load) if seconds > load else None,
        "peak_memory_mib": max(peaks) if peaks else None,
    }
