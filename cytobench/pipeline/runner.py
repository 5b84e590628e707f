"""Running a benchmark: trials found done are left alone, the others are run, and each leaves a record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cytobench.atomic import write_bytes
from cytobench.config.resolve import Resolved
from cytobench.errors import UserError, option
from cytobench.metrics.scoring import score_splits
from cytobench.pipeline.dryrun.composition import class_counts, composition_lines, shots_note
from cytobench.pipeline.engine import Engine, Node, SerialExecutor
from cytobench.pipeline.failures import failure_of
from cytobench.pipeline.graph import Graph, PlannedTrial, plan_graph
from cytobench.pipeline.plan import make_planners
from cytobench.pipeline.planned import PlannedStage
from cytobench.pipeline.progress import Display, QuietDisplay, RunProgress
from cytobench.pipeline.recording import Recorder
from cytobench.pipeline.resume import BENCHMARK_FILE, Contents, refuse_other_settings
from cytobench.pipeline.stages.fidelity import PlannedFidelity
from cytobench.pipeline.stages.predict import PlannedPrediction
from cytobench.plugins import Plugins
from cytobench.storage.image_sets import images_digest
from cytobench.storage.records import read_unchecked, write_record

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
    reused: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    observers: list[str] = field(default_factory=list)
    """What observers raised; it changed nothing."""
    unmeasured: dict[str, str] = field(default_factory=dict)
    other_images: list[str] = field(default_factory=list)
    """Recorded trials whose images were rebuilt, and are others than on record."""
    unbuilt: dict[str, str] = field(default_factory=dict)
    """Stages behind recorded trials that could not be rebuilt, by title, with the reason."""


def run_benchmark(
    resolved: Resolved,
    plugins: Plugins,
    out: Path,
    store: Path,
    display: Display | None = None,
    executor: Executor | None = None,
    jobs: int = 1,
    rebuild: bool = False,
) -> Outcome:
    """Run every trial that has no record yet. A failed trial leaves its record and the others go on.

    With ``rebuild`` the images and checkpoints behind recorded trials are made again where the store lacks them. Their
    records stay as they are; images that differ from those on record are told in ``Outcome.other_images``.

    Raises UserError if ``out`` holds a run with other settings.
    """
    # The planner refuses classes that are too rare; that must not leave a results folder with these settings.
    planners = make_planners(resolved, store)
    refuse_other_settings(out, resolved.benchmark, Contents.of(resolved))
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_bytes(out / BENCHMARK_FILE, resolved.benchmark.to_toml().encode())
    except OSError as error:
        raise UserError(f"{option('out', out)} cannot be written: {error.strerror}. Give another folder.") from error
    graph = plan_graph(resolved, planners, out, rebuild)
    outcome = Outcome(out, reused=[planned.trial.name for planned in graph.done])
    for name in outcome.reused:
        logger.debug("%s is done", name)
    if not graph.missing:
        return outcome
    display = display or QuietDisplay()
    recorder = Recorder(resolved)
    for line in composition_lines(
        class_counts(resolved, planners[0]), resolved.benchmark.fold or (), resolved.protocol.pooled, len(planners)
    ):
        display.message(line)
    if note := shots_note(resolved, planners[0]):
        display.message(note)
    if resolved.external is not None:
        display.message(resolved.external.summary)
    for finding in recorder.findings.of_run(planners):
        display.message(f"Note: {finding.text}")
    for caution in graph.cautions:
        logger.warning("caution: %s", caution)
    run = _Run(resolved, plugins, out, graph, recorder, outcome)
    nodes = run.nodes()
    progress = RunProgress(nodes, len(graph.to_do), display)
    run.tell = progress.trial_finished
    run.observe("cytobench_run_started", run=resolved.benchmark.model_dump(mode="json"), out=out)
    try:
        Engine(progress, executor or SerialExecutor(), jobs).run(nodes)
    finally:
        display.close()
    if rebuild:
        outcome.other_images = _other_images(graph, out)
    run.observe("cytobench_run_finished", out=out, failed=len(outcome.failed))
    return outcome


def _other_images(graph: Graph, out: Path) -> list[str]:
    """The trials on record whose synthetic images, as the store has them now, are others than on record."""
    other = []
    for planned in graph.done:
        known = read_unchecked(out / "records" / f"{planned.trial.name}.json").synthetic_digests
        shares = planned.sample.classes if planned.sample is not None and known else ()
        if any(
            not share.images.missing(share.n) and images_digest(share.images, share.n) != known.get(share.label)
            for share in shares
        ):
            other.append(planned.trial.name)
    return other


@dataclass
class _Run:
    resolved: Resolved
    plugins: Plugins
    out: Path
    graph: Graph
    recorder: Recorder
    outcome: Outcome
    tell: Callable[[str], None] = lambda text: None
    unmeasured: dict[str, BaseException] = field(default_factory=dict)
    """Why fidelities failed, by key."""

    def nodes(self) -> list[Node]:
        """The stages to do, in the order of trials."""
        return [self._node(stage) for stage in self.graph.missing.values()]

    def _node(self, stage: PlannedStage) -> Node:
        missing = self.graph.missing
        node = Node(
            key=stage.key,
            kind=stage.kind,
            plugin=stage.plugin,
            title=stage.title,
            build=stage.build,
            needs=tuple(need.key for need in stage.needs if need.key in missing),
            after=tuple(before.key for before in stage.awaits if before.key in missing),
            finished=partial(self._made, stage.makes),
        )
        if isinstance(stage, PlannedPrediction):
            # Two names with equal settings are the same work: predicted once, with a record each.
            trials = [planned for planned in self.graph.to_do if planned.prediction.key == stage.key]
            return replace(node, finished=partial(self._finish, trials), failed=partial(self._fail, trials))
        if isinstance(stage, PlannedFidelity):
            return replace(node, failed=partial(self.unmeasured.__setitem__, stage.key))
        return replace(node, failed=partial(self._not_made, stage)) if self.graph.rebuild else node

    def _not_made(self, stage: PlannedStage, error: BaseException) -> None:
        """A stage behind a trial that fails is told by the trial; one behind a record has none to tell it."""
        failure = failure_of(error)
        if any(stage.key in (part.key for part in (done.sample, done.training) if part) for done in self.graph.done):
            self.outcome.unbuilt[stage.title] = f"{failure.type}: {failure.message}"

    def _made(self, addresses: Sequence[str], report: dict[str, Any]) -> None:
        self.recorder.paid.update(addresses)

    def _finish(self, trials: Sequence[PlannedTrial], report: dict[str, Any]) -> None:
        predictions = report.pop("predictions")
        ran = report.pop("ran")
        for planned in trials:
            self._keep(planned, report, ran, predictions)

    def _keep(
        self, planned: PlannedTrial, report: Mapping[str, Any], ran: Mapping[str, Any], predictions: pd.DataFrame
    ) -> None:
        scored = score_splits(predictions, self.resolved.evaluated, self.resolved.metrics)
        record = self.recorder.done(planned, report, ran, scored, self._unmeasured(planned))
        write_record(self.out, record, predictions)
        self.outcome.done.append(planned.trial.name)
        test = scored["test"].values
        self.tell(f"done {planned.title}: test accuracy {test['accuracy']:.3f}, macro F1 {test['f1_macro']:.3f}")
        self.observe("cytobench_trial_finished", record=record.model_dump(mode="json"))

    def _unmeasured(self, planned: PlannedTrial) -> dict[str, dict[str, str]]:
        """The fidelities of a trial that failed, by extractor; each is told of once."""
        failures = {}
        for stage in planned.fidelities:
            error = self.unmeasured.get(stage.key)
            if error is None:
                continue
            failure = failure_of(error)
            failures[stage.plugin] = asdict(failure)
            if stage.title not in self.outcome.unmeasured:
                self.outcome.unmeasured[stage.title] = f"{failure.type}: {failure.message}"
                self.tell(f"FAILED {stage.title}: {self.outcome.unmeasured[stage.title]}")
        return failures

    def _fail(self, trials: Sequence[PlannedTrial], error: BaseException) -> None:
        failure = failure_of(error)
        reason = f"{failure.type}: {failure.message}"
        for planned in trials:
            record = self.recorder.failed(planned, asdict(failure))
            write_record(self.out, record, None)
            self.outcome.failed[planned.trial.name] = reason
            self.tell(f"FAILED {planned.title}: {reason}")
            self.observe("cytobench_trial_finished", record=record.model_dump(mode="json"))

    def observe(self, hook: str, **arguments: Any) -> None:
        """Call observers; what they raise is logged and changes nothing."""
        for message in self.plugins.notify(hook, **arguments):
            logger.warning(message)
            self.outcome.observers.append(message)
