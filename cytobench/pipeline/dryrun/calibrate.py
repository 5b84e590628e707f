"""A few steps of each kind of stage, timed on this device, so that a plan can be priced before anything is run.

The stages are those of the run with fewer steps, images and classes; they write into a temporary store. What a stage
costs is taken as linear in its steps and images, and two lengths of each tell what is paid whatever the length.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from cytobench.config.resolve import Resolved
from cytobench.errors import UserError, option
from cytobench.pipeline.cost import Cost
from cytobench.pipeline.dryrun.pricing import Kind
from cytobench.pipeline.graph import Graph, PlannedTrial
from cytobench.pipeline.stages.copies import PlannedCopies, time_copies
from cytobench.pipeline.stages.fidelity import PlannedFidelity, time_fidelity
from cytobench.pipeline.stages.fit import time_fit
from cytobench.pipeline.stages.predict import time_prediction
from cytobench.pipeline.stages.sample import PlannedSample, time_sample
from cytobench.pipeline.stages.train import time_training
from cytobench.storage.stage_kind import StageKind

Tell = Callable[[str], None]


def calibrate(resolved: Resolved, graph: Graph, wanted: Collection[Kind], tell: Tell) -> dict[Kind, Cost]:
    """Time the kinds of stages in ``wanted``; ``tell`` hears of each. Raises what the stages raise.

    Raises UserError where synthetic images alone train: before they are made there is nothing to train on.
    """
    if resolved.protocol.synthetic_only:
        asked = option("calibrate")
        raise UserError(
            f"{asked}: under {resolved.protocol.name} nothing can train before synthetic images are made. "
            f"Leave {asked} out, or calibrate the same protocol without +synthetic_only."
        )
    costs: dict[Kind, Cost] = {}
    # The first trial of a plugin stands for all: they differ by their images alone.
    trials = [planned for planned in graph.trials if planned.trial.repeat == 0]
    samples: dict[str, PlannedSample] = {}
    comparisons: dict[str, PlannedCopies] = {}
    fidelities: dict[str, PlannedFidelity] = {}
    classified: dict[str, PlannedTrial] = {}
    for planned in trials:
        classified.setdefault(planned.training.plugin, planned)
        if planned.sample is not None:
            samples.setdefault(planned.sample.plugin, planned.sample)
        if planned.copies is not None:
            comparisons.setdefault(planned.copies.plugin, planned.copies)
        for fidelity in planned.fidelities:
            fidelities.setdefault(fidelity.plugin, fidelity)
    with TemporaryDirectory(prefix="cytobench-calibrate-") as name:
        folder = Path(name)
        for plugin, sample in samples.items():
            if {(StageKind.FIT, plugin), (StageKind.SAMPLE, plugin)} & set(wanted):
                costs |= _time_generator(sample, folder / "generators" / plugin, tell)
        for plugin, comparison in comparisons.items():
            if (comparison.kind, plugin) in wanted:
                _tell(tell, comparison.kind, plugin)
                costs[comparison.kind, plugin] = time_copies(comparison)
        for plugin, planned in classified.items():
            if {(StageKind.TRAIN, plugin), (StageKind.PREDICT, plugin)} & set(wanted):
                costs |= _time_classifier(planned, folder / "classifiers" / plugin, tell)
        for plugin, fidelity in fidelities.items():
            if (fidelity.kind, plugin) in wanted:
                _tell(tell, fidelity.kind, plugin)
                costs[fidelity.kind, plugin] = time_fidelity(fidelity, folder / "extractors" / plugin)
    return {kind: cost for kind, cost in costs.items() if kind in wanted}


def _time_generator(sample: PlannedSample, store: Path, tell: Tell) -> dict[Kind, Cost]:
    costs: dict[Kind, Cost] = {}
    fit_keys: dict[str, str] = {}
    if sample.fits:
        longest = max(sample.fits, key=lambda fit: len(fit.rows))
        _tell(tell, longest.kind, longest.plugin)
        costs[longest.kind, longest.plugin], key = time_fit(longest, store)
        fit_keys = {fit.fitted_label: key for fit in sample.fits}
    _tell(tell, sample.kind, sample.plugin)
    costs[sample.kind, sample.plugin] = time_sample(sample, store, fit_keys)
    return costs


def _time_classifier(planned: PlannedTrial, store: Path, tell: Tell) -> dict[Kind, Cost]:
    training, prediction = planned.training, planned.prediction
    _tell(tell, training.kind, training.plugin)
    trained, key = time_training(training, store)
    _tell(tell, prediction.kind, prediction.plugin)
    predicted = time_prediction(prediction, store, key)
    return {(training.kind, training.plugin): trained, (prediction.kind, prediction.plugin): predicted}


def _tell(tell: Tell, kind: StageKind, plugin: str) -> None:
    tell(f"calibrating: {kind} {plugin}")
