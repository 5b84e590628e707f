"""Running a benchmark: trials found done are left alone, the others are run, and each leaves a record."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cytobench.arms import ReadyClassifier, ReadyGenerator, Trial
from cytobench.atomic import write_bytes
from cytobench.benchmark import Benchmark
from cytobench.data.seen import DECLARATIONS
from cytobench.engine import Engine, Node, SerialExecutor
from cytobench.environment import device_info, environment
from cytobench.errors import UserError
from cytobench.metrics import scores_by_split
from cytobench.plan import Planner
from cytobench.plugins import Plugins
from cytobench.progress import Display, QuietDisplay, RunProgress
from cytobench.records import Record, write_record
from cytobench.resolve import Resolved
from cytobench.results import BENCHMARK_FILE, refuse_other_settings, trial_done
from cytobench.stages import SampleStage, Stage

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("cytobench")

@dataclass
class Outcome:
    """How a run ended: trials done now, found done, and failed (by name, with the reason)."""

    out: Path
    done: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def run_benchmark(
    resolved: Resolved,
    plugins: Plugins,
    out: Path,
    store: Path,
    display: Display | None = None,
    executor: Executor | None = None,
    jobs: int = 1,
) -> Outcome:
    """Run every trial that has no record yet. A failed trial leaves its record and the others go on.

    Raises UserError if ``out`` holds a run with other settings.
    """
    # The planner refuses classes that are too rare; that must not leave a results folder with these settings.
    planner = resolved.planner(store)
    refuse_other_settings(out, resolved.benchmark)
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_bytes(out / BENCHMARK_FILE, resolved.benchmark.to_toml().encode())
    except OSError as error:
        raise UserError(f"--out {out} cannot be written: {error.strerror}. Give another folder.") from error
    run = _Run(resolved, plugins, out, planner, Outcome(out))
    display = display or QuietDisplay()
    nodes = run.nodes()
    for name in run.outcome.found:
        logger.debug("%s is done", name)
    if nodes:
        progress = RunProgress(nodes, len(run.todo), display)
        run.tell = progress.trial_finished
        run.observe("cytobench_run_started", run=resolved.benchmark.model_dump(mode="json"), out=out)
        try:
            Engine(progress, executor or SerialExecutor(), jobs).run(nodes)
        finally:
            display.close()
        run.observe("cytobench_run_finished", out=out, failed=len(run.outcome.failed))
    return run.outcome


@dataclass
class _Run:
    resolved: Resolved
    plugins: Plugins
    out: Path
    planner: Planner
    outcome: Outcome
    todo: list[Trial] = field(default_factory=list)
    tell: Any = lambda text: None
    made: set[str] = field(default_factory=set)
    """Keys of stages and blocks made in this run, to tell what it paid."""
    began: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def nodes(self) -> list[Node]:
        """The stages to do, in the order of trials; sets ``todo`` and the trials found done."""
        nodes: dict[str, Node] = {}
        for trial in self.resolved.trials:
            predict = self.planner.predict(trial)
            if trial_done(self.out, trial, predict.key):
                self.outcome.found.append(trial.name)
                continue
            self.todo.append(trial)
            needs: tuple[str, ...] = ()
            if self.planner.store.find("train", predict.train_key) is None:
                needs = (self._train_node(trial, predict.train_key, nodes),)
            elif self.planner.predicts_synthetic(trial):
                needs = self._sample_needs(trial, nodes)
            nodes[predict.key] = Node(
                key=predict.key,
                kind="predict",
                plugin=trial.arm.classifier.name,
                title=f"predict {trial.arm.row} fold {trial.fold}",
                build=partial(self.planner.predict, trial),
                needs=needs,
                finished=partial(self._finish, trial),
                failed=partial(self._fail, trial),
            )
        return list(nodes.values())

    def _train_node(self, trial: Trial, key: str, nodes: dict[str, Node]) -> str:
        if key not in nodes:
            nodes[key] = Node(
                key=key,
                kind="train",
                plugin=trial.arm.classifier.name,
                title=f"train {trial.arm.row} fold {trial.fold}",
                build=partial(self.planner.train, trial),
                needs=self._sample_needs(trial, nodes),
                finished=partial(self._made, key),
            )
        return key

    def _sample_needs(self, trial: Trial, nodes: dict[str, Node]) -> tuple[str, ...]:
        """The sampling of a trial, if images of its sets are missing."""
        sample = self.planner.sample(trial)
        if sample is None or not any(one.images.missing(sample.n) for one in sample.classes):
            return ()
        return (self._sample_node(trial, sample, nodes),)

    def _sample_node(self, trial: Trial, sample: SampleStage, nodes: dict[str, Node]) -> str:
        if sample.key not in nodes:
            fits = [
                stage for stage in self.planner.fits(trial) if self.planner.store.find("fit", stage.key) is None
            ]
            name = sample.work.plugin
            for stage in fits:
                nodes.setdefault(
                    stage.key,
                    Node(
                        key=stage.key,
                        kind="fit",
                        plugin=name,
                        title=f"fit {name} {stage.label or 'all classes'} s{trial.arm.shots} fold {trial.fold}",
                        build=partial(_same, stage),
                        finished=partial(self._made, stage.key),
                    ),
                )
            nodes[sample.key] = Node(
                key=sample.key,
                kind="sample",
                plugin=name,
                title=f"sample {name} n{sample.n} fold {trial.fold}",
                build=lambda: sample,
                needs=tuple(stage.key for stage in fits),
            )
        return sample.key

    def _made(self, key: str, report: dict[str, Any]) -> None:
        self.made.add(key)

    def _finish(self, trial: Trial, report: dict[str, Any]) -> None:
        predictions = report.pop("predictions")
        ran = report.pop("ran")
        train_only = set(self.resolved.benchmark.train_only)
        scored = scores_by_split(
            predictions, [label for label in self.resolved.dataset.labels if label not in train_only]
        )
        stages, curves, generator_ran = self._stages(trial)
        record = self._record(
            trial,
            key=report["key"],
            status="done",
            scores=scored,
            stages=[*stages, {**report, "reused": False}],
            curves=curves,
            classifier=_plugin_part(trial.arm.classifier, ran),
            generator=_plugin_part(trial.arm.generator, generator_ran),
        )
        write_record(self.out, record, predictions)
        self.outcome.done.append(trial.name)
        test = scored["test"]
        self.tell(
            f"done {trial.arm.row} fold {trial.fold}: test accuracy {test['accuracy']:.3f}, "
            f"macro F1 {test['f1_macro']:.3f}"
        )
        self.observe("cytobench_trial_finished", record=record.model_dump(mode="json"))

    def _fail(self, trial: Trial, error: BaseException) -> None:
        reason = f"{type(error).__name__}: {error}"
        record = self._record(
            trial,
            key="",
            status="failed",
            scores={},
            stages=[],
            curves=[],
            classifier=_plugin_part(trial.arm.classifier, None),
            generator=_plugin_part(trial.arm.generator, None),
            error={
                "type": type(error).__name__,
                "message": str(error),
                "traceback": "".join(traceback.format_exception(error)),
            },
        )
        write_record(self.out, record, None)
        self.outcome.failed[trial.name] = reason
        self.tell(f"FAILED {trial.arm.row} fold {trial.fold}: {reason}")
        self.observe("cytobench_trial_finished", record=record.model_dump(mode="json"))

    def _stages(
        self, trial: Trial
    ) -> tuple[list[dict[str, Any]], list[dict[str, float]], dict[str, Any] | None]:
        """Reports of what lies behind a trial (as far as the store still has it), curves, and what generated."""
        planner, stages = self.planner, []
        for fit in planner.fits(trial):
            entry = planner.store.find("fit", fit.key)
            if entry is not None:
                stages.append({**entry.report, "reused": fit.key not in self.made})
        sample, ran = planner.sample(trial), None
        for one in sample.classes if sample is not None else ():
            blocks = [report for n in one.images.blocks(sample.n) if (report := one.images.report(n))]  # type: ignore[union-attr]
            if blocks:
                ran = blocks[0]["ran"]
                stages.append({**_summed(blocks), "reused": max(block["when"] for block in blocks) < self.began})
        train = planner.train(trial)
        entry = planner.store.find("train", train.key)
        curves = []
        if entry is not None:
            report = dict(entry.report)
            curves = report.pop("curves")
            timed = {name: value for name, value in report.items() if name not in ("picked", "last")}
            stages.append({**timed, "reused": train.key not in self.made})
        return stages, curves, ran

    def _record(self, trial: Trial, **parts: Any) -> Record:
        resolved = self.resolved
        dataset, benchmark = resolved.dataset, resolved.benchmark
        groups = dataset.table["group"].dropna()
        shots, fold = self.planner.shots(trial), self.planner.fold(trial)
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
                "made_elsewhere": _made_elsewhere(trial, benchmark),
                "train_only": list(benchmark.train_only),
                "preset": benchmark.preset,
                "shots": trial.arm.shots,
                "shots_used": {label: len(rows) for label, rows in shots.items()},
                "n_synthetic": trial.arm.n,
                "seed": benchmark.seed,
                "splits": {
                    part: _counts(dataset.table["label"].iloc[rows], dataset.labels)
                    for part, rows in (("train", fold.train), ("validation", fold.val), ("test", fold.test))
                },
                "dtype": self.planner.dtype,
                "started": self.began,
                "environment": environment(),
                "device": device_info(self.planner.device),
                "prompts": {
                    label: {**asdict(pair), "origin": resolved.prompt_origins[label]}
                    for label, pair in resolved.prompts.items()
                },
                "benchmark": benchmark.model_dump(mode="json", exclude_none=True),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                **parts,
            }
        )

    def observe(self, hook: str, **arguments: Any) -> None:
        """Call observers; what they raise is logged and changes nothing."""
        for message in self.plugins.notify(hook, **arguments):
            logger.warning(message)


def _same(stage: Stage) -> Stage:
    return stage


def _plugin_part(
    ready: ReadyGenerator | ReadyClassifier | None, ran: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    if ready is None:
        return None
    configs = (
        {"fit_config": ready.fit_config, "sample_config": ready.sample_config}
        if isinstance(ready, ReadyGenerator)
        else {"config": ready.config}
    )
    return {
        "name": ready.name,
        "plugin": ready.offer.spec.name,
        "distribution": ready.offer.origin,
        "version": ready.offer.version,
        "revision": ready.offer.spec.revision,
        "weights": {name: {"source": a.source, "digest": a.digest} for name, a in ready.assets.items()},
        "ran": ran,
        **{name: config.model_dump(mode="json") for name, config in configs.items()},
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
