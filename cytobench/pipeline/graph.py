"""The plan of a run: every trial and every stage behind it, each stage once. Run, dry run and record read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cytobench.config.grid import ReadyExtractor, ReadyGenerator, Trial
from cytobench.config.resolve import Resolved
from cytobench.pipeline.fidelity.copies import Untested
from cytobench.pipeline.plan import Planner
from cytobench.pipeline.planned import PlannedStage, State
from cytobench.pipeline.resume import why_undone
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
        undone = why_undone(out, trial, prediction.key, [fidelity.key for fidelity in prediction.fidelities])
        trials.append(PlannedTrial(trial, prediction, undone))
    return Graph(trials, rebuild)


def plan_trial(planner: Planner, trial: Trial, extractors: Sequence[ReadyExtractor] = ()) -> PlannedPrediction:
    """The last stage of one trial, with all behind it."""
    return _Generated(extractors).prediction(planner, trial)


class _Generated:
    """Samplings and their fidelities, planned once for all classifiers."""

    def __init__(self, extractors: Sequence[ReadyExtractor]) -> None:
        self._extractors = extractors
        self._planned: dict[tuple[object, ...], tuple[PlannedSample, tuple[PlannedFidelity, ...]]] = {}
        self._tuned: dict[tuple[object, ...], TuningRows | Untested] = {}

    def prediction(self, planner: Planner, trial: Trial) -> PlannedPrediction:
        """The last stage of a trial, with all behind it."""
        sample, fidelities = self._behind(planner, trial)
        return plan_prediction(plan_training(planner, trial, sample), fidelities)

    def _behind(self, planner: Planner, trial: Trial) -> tuple[PlannedSample | None, tuple[PlannedFidelity, ...]]:
        """The sampling of a trial's synthetic images and what measures them; nothing for N = 0."""
        arm = trial.arm
        if arm.generator is None:
            return None, ()
        images = (trial.repeat, arm.generator.name, arm.shots, arm.n, trial.fold)
        if images not in self._planned:
            sample = plan_sample(planner, arm.generator, arm.shots, planner.fold(trial), arm.n)
            fidelities = [
                plan_fidelity(planner, trial, sample, self._tuning(planner, trial, arm.generator), extractor)
                for extractor in self._extractors
            ]
            self._planned[images] = sample, tuple(fidelities)
        return self._planned[images]

    def _tuning(self, planner: Planner, trial: Trial, generator: ReadyGenerator) -> TuningRows | Untested:
        """What the generator was tuned on: the same for every N, but where a protocol divides anew for each."""
        divided = trial.arm.n if planner.protocol.shots_from == "train" else None
        tuned = (trial.repeat, generator.name, trial.arm.shots, trial.fold, divided)
        if tuned not in self._tuned:
            self._tuned[tuned] = plan_tuning(planner, generator, trial)
        return self._tuned[tuned]
