"""Running a benchmark: trials found done are left alone, the others are run, and each leaves a record."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cytobench.atomic import write_bytes
from cytobench.config.grid import Trial
from cytobench.config.resolve import Resolved
from cytobench.errors import UserError
from cytobench.metrics.scoring import score_splits
from cytobench.pipeline.dryrun.composition import class_counts, composition_lines, shots_note
from cytobench.pipeline.engine import Engine, Node, SerialExecutor
from cytobench.pipeline.failures import failure_of
from cytobench.pipeline.plan import Planner, make_planners
from cytobench.pipeline.progress import Display, QuietDisplay, RunProgress
from cytobench.pipeline.recording import Recorder
from cytobench.pipeline.resume import BENCHMARK_FILE, refuse_other_settings, why_undone
from cytobench.pipeline.stages.base import Stage
from cytobench.pipeline.stages.fidelity import FidelityStage
from cytobench.pipeline.stages.sample import SampleStage
from cytobench.plugins import Plugins
from cytobench.storage.image_sets import ImageSet
from cytobench.storage.records import write_record

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("cytobench")


@dataclass
class Outcome:
    """How a run ended: trials done now, found done, and failed (by name, with the reason).

    ``unmeasured`` are the fidelities that failed, by the stage's title; their trials are done, without these figures.
    """

    out: Path
    done: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    observers: list[str] = field(default_factory=list)
    """What observers raised; it changed nothing."""
    unmeasured: dict[str, str] = field(default_factory=dict)


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
    planners = make_planners(resolved, store)
    refuse_other_settings(out, resolved.benchmark, resolved.choice.recorded)
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_bytes(out / BENCHMARK_FILE, resolved.benchmark.to_toml().encode())
    except OSError as error:
        raise UserError(f"--out {out} cannot be written: {error.strerror}. Give another folder.") from error
    run = _Run(resolved, plugins, out, planners, Recorder(resolved), Outcome(out))
    display = display or QuietDisplay()
    nodes = run.nodes()
    for name in run.outcome.found:
        logger.debug("%s is done", name)
    if nodes:
        for line in composition_lines(
            class_counts(resolved, planners[0]), resolved.benchmark.fold or (), resolved.protocol.pooled, len(planners)
        ):
            display.message(line)
        if note := shots_note(resolved, planners[0]):
            display.message(note)
        if resolved.external is not None:
            display.message(resolved.external.summary)
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
    planners: Sequence[Planner]
    recorder: Recorder
    outcome: Outcome
    todo: list[Trial] = field(default_factory=list)
    tell: Any = lambda text: None
    unmeasured: dict[str, BaseException] = field(default_factory=dict)
    """Why fidelities failed, by key."""

    def nodes(self) -> list[Node]:
        """The stages to do, in the order of trials; sets ``todo`` and the trials found done."""
        nodes: dict[str, Node] = {}
        same_work: dict[str, list[Trial]] = {}
        for trial in self.resolved.trials:
            planner = self._planner(trial)
            predict = planner.predict(trial)
            fidelity = self._fidelity(trial)
            if why_undone(self.out, trial, predict.key, [stage.key for stage in fidelity]) is None:
                self.outcome.found.append(trial.name)
                continue
            self.todo.append(trial)
            # Two names with equal settings are the same work: predicted once, with a record each.
            trials = same_work.setdefault(predict.key, [])
            trials.append(trial)
            if predict.key in nodes:
                continue
            needs: tuple[str, ...] = ()
            if planner.store.find("train", predict.train_key) is None:
                needs = (self._train_node(trial, predict.train_key, nodes),)
            elif planner.predicts_synthetic(trial):
                needs = self._sample_needs(trial, nodes)
            nodes[predict.key] = Node(
                key=predict.key,
                kind="predict",
                plugin=trial.arm.classifier.name,
                title=f"predict {self._title(trial)}",
                build=partial(planner.predict, trial),
                needs=needs,
                after=self._fidelity_nodes(trial, fidelity, nodes),
                finished=partial(self._finish, trials),
                failed=partial(self._fail, trials),
            )
        return list(nodes.values())

    def _train_node(self, trial: Trial, key: str, nodes: dict[str, Node]) -> str:
        if key not in nodes:
            nodes[key] = Node(
                key=key,
                kind="train",
                plugin=trial.arm.classifier.name,
                title=f"train {self._title(trial)}",
                build=partial(self._planner(trial).train, trial),
                needs=self._sample_needs(trial, nodes),
                finished=partial(self._made, key),
            )
        return key

    def _fidelity(self, trial: Trial) -> list[FidelityStage]:
        found = [self._planner(trial).fidelity(trial, extractor) for extractor in self.resolved.extractors]
        return [stage for stage in found if stage is not None]

    def _fidelity_nodes(
        self, trial: Trial, stages: Sequence[FidelityStage], nodes: dict[str, Node]
    ) -> tuple[str, ...]:
        """The fidelities of a trial that are to be measured; its record waits for them, and is made without any."""
        store = self._planner(trial).store
        todo = [stage for stage in stages if store.find("fidelity", stage.key) is None]
        for stage in todo:
            if stage.key not in nodes:
                nodes[stage.key] = Node(
                    key=stage.key,
                    kind="fidelity",
                    plugin=stage.extractor.name,
                    title=self._fidelity_title(trial, stage),
                    build=partial(_same, stage),
                    needs=self._sample_needs(trial, nodes),
                    finished=partial(self._made, stage.key),
                    failed=partial(self.unmeasured.__setitem__, stage.key),
                )
        return tuple(stage.key for stage in todo)

    def _sample_needs(self, trial: Trial, nodes: dict[str, Node]) -> tuple[str, ...]:
        """The sampling of a trial, if images of its sets are missing."""
        sample = self._planner(trial).sample(trial)
        if sample is None or not any(one.images.missing(one.n) for one in sample.classes):
            return ()
        return (self._sample_node(trial, sample, nodes),)

    def _sample_node(self, trial: Trial, sample: SampleStage, nodes: dict[str, Node]) -> str:
        if sample.key not in nodes:
            planner = self._planner(trial)
            fits = [stage for stage in planner.fits(trial) if planner.store.find("fit", stage.key) is None]
            name = trial.arm.generator.name if trial.arm.generator else sample.work.plugin
            for stage in fits:
                nodes.setdefault(
                    stage.key,
                    Node(
                        key=stage.key,
                        kind="fit",
                        plugin=name,
                        title=f"fit {name} {stage.label or 'all classes'} s{trial.arm.shots} {self._place(trial)}",
                        build=partial(_same, stage),
                        finished=partial(self._made, stage.key),
                    ),
                )
            nodes[sample.key] = Node(
                key=sample.key,
                kind="sample",
                plugin=name,
                title=f"sample {name} n{trial.arm.n} {self._place(trial)}",
                build=lambda: sample,
                needs=tuple(stage.key for stage in fits),
                finished=partial(self._grown, [one.images for one in sample.classes if one.images.missing(one.n)]),
            )
        return sample.key

    def _made(self, key: str, report: dict[str, Any]) -> None:
        self.recorder.made.add(key)

    def _grown(self, sets: Sequence[ImageSet], report: dict[str, Any]) -> None:
        self.recorder.made.update(images.folder.name for images in sets)

    def _finish(self, trials: Sequence[Trial], report: dict[str, Any]) -> None:
        predictions = report.pop("predictions")
        ran = report.pop("ran")
        for trial in trials:
            self._keep(trial, report, ran, predictions)

    def _keep(self, trial: Trial, report: Mapping[str, Any], ran: Mapping[str, Any], predictions: pd.DataFrame) -> None:
        scored = score_splits(predictions, self.resolved.evaluated, self.resolved.metrics)
        unmeasured = self._unmeasured(trial)
        record = self.recorder.done(trial, self._planner(trial), report, ran, scored, unmeasured)
        write_record(self.out, record, predictions)
        self.outcome.done.append(trial.name)
        test = scored["test"].values
        self.tell(
            f"done {self._title(trial)}: test accuracy {test['accuracy']:.3f}, macro F1 {test['f1_macro']:.3f}"
        )
        self.observe("cytobench_trial_finished", record=record.model_dump(mode="json"))

    def _unmeasured(self, trial: Trial) -> dict[str, dict[str, str]]:
        """The fidelities of a trial that failed, by extractor; each is told of once."""
        found = {}
        for stage in self._fidelity(trial):
            error = self.unmeasured.get(stage.key)
            if error is None:
                continue
            failure = failure_of(error)
            found[stage.extractor.name] = asdict(failure)
            title = self._fidelity_title(trial, stage)
            if title not in self.outcome.unmeasured:
                self.outcome.unmeasured[title] = f"{failure.type}: {failure.message}"
                self.tell(f"FAILED {title}: {self.outcome.unmeasured[title]}")
        return found

    def _fail(self, trials: Sequence[Trial], error: BaseException) -> None:
        for trial in trials:
            self._keep_failure(trial, error)

    def _keep_failure(self, trial: Trial, error: BaseException) -> None:
        failure = failure_of(error)
        reason = f"{failure.type}: {failure.message}"
        record = self.recorder.failed(trial, self._planner(trial), asdict(failure))
        write_record(self.out, record, None)
        self.outcome.failed[trial.name] = reason
        self.tell(f"FAILED {self._title(trial)}: {reason}")
        self.observe("cytobench_trial_finished", record=record.model_dump(mode="json"))

    def _planner(self, trial: Trial) -> Planner:
        return self.planners[trial.repeat]

    def _place(self, trial: Trial) -> str:
        """Fold, and seed where there are several."""
        seed = f" seed {self._planner(trial).seed}" if len(self.planners) > 1 else ""
        return f"fold {trial.fold}{seed}"

    def _images(self, trial: Trial) -> str:
        """What the synthetic images of a trial are."""
        generator = trial.arm.generator
        return f"{generator.name if generator else 'none'} s{trial.arm.shots} n{trial.arm.n}"

    def _fidelity_title(self, trial: Trial, stage: FidelityStage) -> str:
        return f"fidelity {stage.extractor.name} {self._images(trial)} {self._place(trial)}"

    def _title(self, trial: Trial) -> str:
        return f"{trial.arm.row} {self._place(trial)}"

    def observe(self, hook: str, **arguments: Any) -> None:
        """Call observers; what they raise is logged and changes nothing."""
        for message in self.plugins.notify(hook, **arguments):
            logger.warning(message)
            self.outcome.observers.append(message)


def _same(stage: Stage) -> Stage:
    return stage
