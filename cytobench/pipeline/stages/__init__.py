"""The kinds of stages, a file each: what a stage does, its inputs, needs, cost, and how it is timed before a run."""

from __future__ import annotations

from collections.abc import Mapping

from cytobench.pipeline.planned import PlannedStage
from cytobench.pipeline.stages.copies import PlannedCopies
from cytobench.pipeline.stages.fidelity import PlannedFidelity
from cytobench.pipeline.stages.fit import PlannedFit
from cytobench.pipeline.stages.predict import PlannedPrediction
from cytobench.pipeline.stages.sample import PlannedSample
from cytobench.pipeline.stages.train import PlannedTraining
from cytobench.storage.stage_kind import StageKind

PLANNED: Mapping[StageKind, type[PlannedStage]] = {
    planned.kind: planned
    for planned in (PlannedFit, PlannedSample, PlannedCopies, PlannedFidelity, PlannedTraining, PlannedPrediction)
}
"""How stages of each kind are planned."""
