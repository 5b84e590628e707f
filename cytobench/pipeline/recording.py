"""Records of trials, from what a run knows: the stages behind each, what was used, and where it ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cytobench.config.benchmark import Benchmark
from cytobench.config.grid import ReadyClassifier, ReadyExtractor, ReadyGenerator, Trial
from cytobench.config.options import plain_settings
from cytobench.config.resolve import Resolved
from cytobench.data.external import ExternalTest
from cytobench.data.seen import DECLARATIONS
from cytobench.metrics.scoring import Scores
from cytobench.pipeline.environment import device_info, environment
from cytobench.pipeline.plan import Planner
from cytobench.pipeline.stages.fidelity import kept_figures
from cytobench.storage.records import Record
from cytobench.storage.records.metrics import metrics_used

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Recorder:
    """Makes the records of one run."""

    resolved: Resolved
    made: set[str] = field(default_factory=set)
    """Keys of stages and of image sets made in this run, to tell what it paid."""
    began: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def done(
        self,
        trial: Trial,
        planner: Planner,
        report: Mapping[str, Any],
        ran: Mapping[str, Any],
        scored: Mapping[str, Scores],
        unmeasured: Mapping[str, Mapping[str, str]],
    ) -> Record:
        """The record of a finished trial. ``report`` is its prediction's, ``ran`` what really predicted.

        ``unmeasured`` are its fidelities that failed, by extractor, as :class:`~cytobench.storage.records.Failure`.
        """
        stages, curves, generator_ran = self._stages(trial, planner)
        fidelity, timed = self._fidelity(trial, planner)
        return self._record(
            trial,
            planner,
            key=report["key"],
            status="done",
            scores={split: scores.values for split, scores in scored.items()},
            metrics_failed={split: scores.failed for split, scores in scored.items() if scores.failed},
            metrics=metrics_used(self.resolved.metrics),
            stages=[*stages, *timed, {**report, "reused": False}],
            fidelity=fidelity,
            fidelity_failed=unmeasured,
            curves=curves,
            classifier=_plugin_part(trial.arm.classifier, ran),
            generator=_plugin_part(trial.arm.generator, generator_ran),
        )

    def failed(self, trial: Trial, planner: Planner, error: Mapping[str, Any]) -> Record:
        """The record of a failed trial; ``error`` has the fields of :class:`~cytobench.storage.records.Failure`."""
        return self._record(
            trial,
            planner,
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
        self, trial: Trial, planner: Planner
    ) -> tuple[list[dict[str, Any]], list[dict[str, float]], dict[str, Any] | None]:
        """Reports of what lies behind a trial (as far as the store still has it), curves, and what generated."""
        stages = []
        for fit in planner.fits(trial):
            entry = planner.store.find("fit", fit.key)
            if entry is not None:
                stages.append({**entry.report, "reused": fit.key not in self.made})
        sample, ran = planner.sample(trial), None
        for one in sample.classes if sample is not None else ():
            blocks = [report for n in one.images.blocks(one.n) if (report := one.images.report(n))]
            if blocks:
                ran = blocks[0]["ran"]
                stages.append({**_summed(blocks), "reused": one.images.folder.name not in self.made})
        train = planner.train(trial)
        entry = planner.store.find("train", train.key)
        curves = []
        if entry is not None:
            report = dict(entry.report)
            curves = report.pop("curves")
            timed = {name: value for name, value in report.items() if name not in ("picked", "last")}
            stages.append({**timed, "reused": train.key not in self.made})
        return stages, curves, ran

    def _fidelity(self, trial: Trial, planner: Planner) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The fidelities of a trial's synthetic images, and the reports of their stages."""
        found, stages = [], []
        for extractor in self.resolved.extractors:
            stage = planner.fidelity(trial, extractor)
            kept = kept_figures(planner.store, stage.key) if stage is not None else None
            if stage is None or kept is None:
                continue
            figures, report = kept
            dimension, ran = figures.pop("dimension"), figures.pop("ran")
            used = {**(_plugin_part(extractor, ran) or {}), "dimension": dimension}
            found.append({"key": stage.key, "extractor": used, **figures})
            stages.append({**report, "reused": stage.key not in self.made})
        return found, stages

    def _record(self, trial: Trial, planner: Planner, **parts: Any) -> Record:
        resolved = self.resolved
        dataset, benchmark = resolved.dataset, resolved.benchmark
        groups = dataset.table["group"].dropna()
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
                    "grouped": f"grouped by patient ({groups.nunique()})" if len(groups) else "images only",
                },
                "protocol": {
                    "name": resolved.protocol.name,
                    "version": resolved.protocol.version,
                    "switches": resolved.protocol.switches,
                    "folds": benchmark.folds,
                    "fold": trial.fold,
                },
                "external_test": _external(resolved.external),
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


def _summed(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """One report for the blocks of a class: their seconds and images add up."""
    seconds = sum(block["seconds"] for block in blocks)
    load = sum(block["parts"].get("load", 0.0) for block in blocks)
    images = sum(block["images"] for block in blocks)
    peaks = [block["peak_memory_mib"] for block in blocks if block["peak_memory_mib"] is not None]
    return {
        **{name: blocks[0][name] for name in ("kind", "key", "label", "device", "when")},
        "seconds": seconds,
        "parts": {"load": load} if load else {},
        "images": images,
        "images_per_second": images / (seconds - load) if seconds > load else None,
        "peak_memory_mib": max(peaks) if peaks else None,
    }
