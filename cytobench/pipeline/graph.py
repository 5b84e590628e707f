"""The plan of a run: every trial and every stage behind it, each stage once. Run, dry run and record read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cytobench.config.grid import ReadyExtractor, ReadyGenerator, Trial
from cytobench.config.resolve import Resolved
from cytobench.pipeline.fidelity.copies import Untested
from cytobench.pipeline.plan import Planner
from cytobench.pipeline.planned import PlannedStage, State
from cytobench.pipeline.resume import UNCHECKED, why_undone
from cytobench.pipeline.stages.copies import PlannedCopies, plan_copies
from cytobench.pipeline.stages.fidelity import PlannedFidelity, TuningRows, plan_fidelity, plan_tuning
from cytobench.pipeline.stages.predict import PlannedPrediction, plan_prediction
from cytobench.pipeline.stages.sample import PlannedSample, plan_sample
from cytobench.pipeline.stages.train import PlannedTraining, plan_training


@dataclass(frozen=True, eq=False)
class PlannedTrial:
    """A trial with the stages behind its record."""

    trial: Trial
    prediction: PlannedPrediction
    undone: str | None
    """Why its record is not there; None if it is."""

    @property
    def planner(self) -> Planner:
        """What its stages are planned with."""
        return self.prediction.planner

    @property
    def training(self) -> PlannedTraining:
        """The training of its classifier."""
        return self.prediction.training

    @property
    def sample(self) -> PlannedSample | None:
        """The sampling of its synthetic images; None for N = 0."""
        return self.training.sample

    @property
    def fidelities(self) -> tuple[PlannedFidelity, ...]:
        """The fidelities of its synthetic images."""
        return self.prediction.fidelities

    @property
    def copies(self) -> PlannedCopies | None:
        """The comparison of its synthetic images with all real ones; None for N = 0."""
        return self.prediction.copies

    @property
    def title(self) -> str:
        """What a display calls it."""
        return f"{self.trial.arm.row} {self.planner.place(self.trial.fold)}"


@dataclass(frozen=True, eq=False)
class Graph:
    """The trials of a run in their order, and the stages that those to do lead to."""

    trials: Sequence[PlannedTrial]
    rebuild: bool = False
    """Whether what lies behind the trials that are done is made again where the store lacks it."""

    @property
    def done(self) -> list[PlannedTrial]:
        """The trials whose record is there."""
        return [planned for planned in self.trials if planned.undone is None]

    @property
    def to_do(self) -> list[PlannedTrial]:
        """The trials whose record is not there."""
        return [planned for planned in self.trials if planned.undone is not None]

    @cached_property
    def stages(self) -> Mapping[str, PlannedStage]:
        """The stages that the trials to do lead to, by key, each after those that it needs; to rebuild, those behind
        the others too.

        What a stage that is present was made from is not looked at.
        """
        reached: dict[str, PlannedStage] = {}
        for planned in self.to_do:
            _reach(planned.prediction, reached)
        for planned in self.done if self.rebuild else ():
            for stage in (planned.sample, planned.training):
                if stage is not None:
                    _reach(stage, reached)
        return reached

    @cached_property
    def missing(self) -> Mapping[str, PlannedStage]:
        """Those of them that are to be done."""
        return {key: stage for key, stage in self.stages.items() if stage.state is not State.PRESENT}

    @cached_property
    def cautions(self) -> tuple[str, ...]:
        """What plugins have a user know of stages that are to be done, before they are."""
        return told(self.missing.values())


def told(stages: Iterable[PlannedStage]) -> tuple[str, ...]:
    """The cautions of stages, each once with the number of stages that it is of: ``clip (train, 5 to do): ...``."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for stage in stages:
        cautions = stage.cautions
        # A text alone is a sequence of letters, too.
        texts = [cautions] if isinstance(cautions, str) else cautions
        counted.update((stage.plugin, stage.kind, text) for text in texts)
    return tuple(f"{plugin} ({kind}, {n} to do): {text}." for (plugin, kind, text), n in counted.items())


def _reach(stage: PlannedStage, reached: dict[str, PlannedStage]) -> None:
    if stage.key in reached:
        return
    if stage.state is not State.PRESENT:
        for before in (*stage.needs, *stage.awaits):
            _reach(before, reached)
    reached[stage.key] = stage


def plan_graph(resolved: Resolved, planners: Sequence[Planner], out: Path, rebuild: bool = False) -> Graph:
    """Plan every trial of a run into ``out``; ``planners`` are those of its repeats. Nothing is made or written.

    With ``rebuild`` image sets and checkpoints that the store lacks are planned for trials that are done, too.
    """
    generated = _Generated(resolved.extractors)
    trials = []
    for trial in resolved.trials:
        prediction = generated.prediction(planners[trial.repeat], trial)
        copies = None if prediction.copies is None else prediction.copies.key
        fidelity = [planned.key for planned in prediction.fidelities]
        undone = why_undone(out, trial, prediction.key, fidelity, copies)
        if undone == UNCHECKED and not prediction.kept:
            undone = None  # to make images and training again for it costs more than the tables' "not checked"
        trials.append(PlannedTrial(trial, prediction, undone))
    return Graph(trials, rebuild)


def plan_trial(planner: Planner, trial: Trial, extractors: Sequence[ReadyExtractor] = ()) -> PlannedPrediction:
    """The last stage of one trial, with all behind it."""
    return _Generated(extractors).prediction(planner, trial)


@dataclass(frozen=True, eq=False)
class _Behind:
    """The synthetic images of a trial, and what looks at them."""

    sample: PlannedSample
    copies: PlannedCopies
    fidelities: tuple[PlannedFidelity, ...]


class _Generated:
    """Samplings and their fidelities, planned once for all classifiers."""

    def __init__(self, extractors: Sequence[ReadyExtractor]) -> None:
        self._extractors = extractors
        self._planned: dict[tuple[object, ...], _Behind] = {}
        self._tuned: dict[tuple[object, ...], TuningRows | Untested] = {}

    def prediction(self, planner: Planner, trial: Trial) -> PlannedPrediction:
        """The last stage of a trial, with all behind it."""
        behind = self._behind(planner, trial)
        if behind is None:
            return plan_prediction(plan_training(planner, trial, None), (), None)
        return plan_prediction(plan_training(planner, trial, behind.sample), behind.fidelities, behind.copies)

    def _behind(self, planner: Planner, trial: Trial) -> _Behind | None:
        """The sampling of a trial's synthetic images and what looks at them; None for N = 0."""
        arm = trial.arm
        if arm.generator is None:
            return None
        images = (trial.repeat, arm.generator.name, arm.shots, arm.n, trial.fold)
        if images not in self._planned:
            sample = plan_sample(planner, arm.generator, arm.shots, planner.fold(trial), arm.n)
            fidelities = [
                plan_fidelity(planner, trial, sample, self._tuning(planner, trial, arm.generator), extractor)
                for extractor in self._extractors
            ]
            self._planned[images] = _Behind(sample, plan_copies(sample), tuple(fidelities))
        return self._planned[images]

    def _tuning(self, planner: Planner, trial: Trial, generator: ReadyGenerator) -> TuningRows | Untested:
        """What the generator was tuned on: the same for every N, but where a protocol divides anew for each."""
        divided = trial.arm.n if planner.protocol.shots_from == "train" else None
        tuned = (trial.repeat, generator.name, trial.arm.shots, trial.fold, divided)
        if tuned not in self._tuned:
            self._tuned[tuned] = plan_tuning(planner, generator, trial)
        return self._tuned[tuned]
