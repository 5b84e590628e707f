"""What a run would do: stages to do and already there, and why; images, optimiser steps, time and disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from pathlib import Path

from cytobench.config.grid import Trial
from cytobench.config.resolve import Resolved
from cytobench.contract import ClassifierSpec, ExtractorSpec, GeneratorSpec
from cytobench.pipeline.dryrun.calibrate import calibrate
from cytobench.pipeline.dryrun.composition import ClassCount, class_counts, shots_note
from cytobench.pipeline.dryrun.pricing import Cost, Kind, recorded_costs
from cytobench.pipeline.dryrun.reasons import Reasons
from cytobench.pipeline.environment import device_info
from cytobench.pipeline.plan import Planner, make_planners
from cytobench.pipeline.resume import refuse_other_settings, why_undone
from cytobench.pipeline.stages.fidelity import FidelityStage
from cytobench.plugins import Offer

KINDS = ("fit", "sample", "fidelity", "train", "predict")


@dataclass
class Item:
    """The stages of one kind and plugin; a block of images counts as one. All but ``there`` is of what is to do."""

    kind: str
    plugin: str
    todo: int = 0
    there: int = 0
    images: int = 0
    """To make or predict."""
    steps: int = 0
    """Of the optimiser."""
    validated: int = 0
    """Images validated in trainings, in every epoch again."""
    seconds: float | None = None
    """Expected time; None where neither an earlier record of this device and configuration nor a calibration tells."""
    bytes: float | None = None
    """Expected size in the store; None where neither a stage that is there nor a calibration tells."""
    there_bytes: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """Why what is to do is not there already, and how often."""
    distribution: str = ""
    """Whose plugin it is, with its version."""
    built_in: bool = True


@dataclass(frozen=True)
class Forecast:
    """A run before it runs."""

    trials: int
    done: int
    items: Sequence[Item]
    classes: Sequence[ClassCount]
    preset: str
    synthetic: Sequence[int]
    shots: Sequence[int]
    folds: Sequence[int]
    seeds: Sequence[int]
    prompts: Mapping[str, Mapping[str, str]]
    device: str
    external: str | None
    """The outside test set in words."""
    pooled: bool
    """Whether every number of synthetic images has folds of its own; ``classes`` then shows those of none."""
    calibrated: bool
    """Whether the times are of a calibration; else of earlier records."""
    kept_bytes: int
    """What the store holds already."""
    shots_note: str
    """What of a list of shots cannot be used; empty if all can."""

    @property
    def seconds(self) -> float | None:
        """Expected time of all; None if that of any stage is unknown."""
        known = [item.seconds for item in self.items if item.todo]
        return None if None in known else fsum(value for value in known if value is not None)

    @property
    def bytes(self) -> float | None:
        """Expected growth of the store; None if that of any stage is unknown."""
        known = [item.bytes for item in self.items if item.todo]
        return None if None in known else fsum(value for value in known if value is not None)


@dataclass
class _Counts:
    items: dict[Kind, Item] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    """Blocks of images that are not there."""

    def new(self, key: str) -> bool:
        """Whether this stage or block has not been counted yet; from now on it has."""
        found = key not in self.seen
        self.seen.add(key)
        return found

    def there(self, kind: str, plugin: str, size: int) -> None:
        """Count one that is there, with its size in bytes."""
        item = self._item(kind, plugin)
        item.there += 1
        item.there_bytes += size

    def todo(
        self, kind: str, plugin: str, reason: str, *, images: int = 0, steps: int = 0, validated: int = 0
    ) -> None:
        """Count one that is to do, and why."""
        item = self._item(kind, plugin)
        item.todo += 1
        item.images += images
        item.steps += steps
        item.validated += validated
        item.reasons[reason] = item.reasons.get(reason, 0) + 1

    def _item(self, kind: str, plugin: str) -> Item:
        return self.items.setdefault((kind, plugin), Item(kind, plugin))


def forecast(resolved: Resolved, out: Path, store: Path, tell: Callable[[str], None] | None = None) -> Forecast:
    """Count what a run into ``out`` would do; nothing is written there. Raises UserError as the run would.

    Time comes from earlier records. With ``tell``, a few steps of each kind of stage are timed instead, in a temporary
    folder, and ``tell`` hears of each.
    """
    refuse_other_settings(out, resolved.benchmark, resolved.choice.recorded)
    planners, counts, done = make_planners(resolved, store), _Counts(), 0
    reasons = Reasons(planners[0].store)
    for trial in resolved.trials:
        planner = planners[trial.repeat]
        measured = [planner.fidelity(trial, extractor) for extractor in resolved.extractors]
        fidelity = [stage for stage in measured if stage is not None]
        done += _count_trial(planner, trial, out, counts, reasons, fidelity)
    items = sorted(counts.items.values(), key=lambda item: (KINDS.index(item.kind), item.plugin))
    device = str(device_info(planners[0].device)["name"])
    if tell is not None:
        costs = calibrate(resolved, planners[0], [(item.kind, item.plugin) for item in items if item.todo], tell)
    else:
        costs = recorded_costs(resolved, out, device)
    for item in items:
        offer = _offer(resolved, item)
        item.distribution, item.built_in = offer.distribution, offer.built_in
        _price(item, costs.get((item.kind, item.plugin)))
    return Forecast(
        trials=len(resolved.trials),
        done=done,
        items=items,
        classes=class_counts(resolved, planners[0]),
        preset=str(resolved.benchmark.preset),
        synthetic=resolved.benchmark.synthetic or (),
        shots=resolved.benchmark.shots,
        folds=resolved.benchmark.fold or (),
        seeds=tuple(planner.seed for planner in planners),
        prompts={
            label: {"origin": resolved.prompt_origins[label], "generator": p.generator, "classifier": p.classifier}
            for label, p in resolved.prompts.items()
        },
        device=device,
        external=resolved.external.summary if resolved.external else None,
        pooled=resolved.protocol.pooled,
        calibrated=tell is not None,
        kept_bytes=_size(store),
        shots_note=shots_note(resolved, planners[0]),
    )


def _offer(resolved: Resolved, item: Item) -> Offer[GeneratorSpec] | Offer[ClassifierSpec] | Offer[ExtractorSpec]:
    """Whose stages these are: a generator, a classifier and an extractor may have one name."""
    if item.kind in ("fit", "sample"):
        return next(ready.offer for ready in resolved.generators if ready.name == item.plugin)
    if item.kind == "fidelity":
        return next(ready.offer for ready in resolved.extractors if ready.name == item.plugin)
    return next(ready.offer for ready in resolved.classifiers if ready.name == item.plugin)


def _price(item: Item, cost: Cost | None) -> None:
    if not item.todo:
        item.seconds = item.bytes = 0.0
        return
    if item.there and item.kind not in ("predict", "fidelity"):  # features lie beside what a fidelity leaves
        item.bytes = item.there_bytes / item.there * item.todo
    if item.kind == "predict":
        item.bytes = 0.0  # records and predictions lie outside the store
    if cost is not None:
        item.seconds = cost.seconds(item.todo, item.steps, item.images, item.validated)
        if cost.stage_bytes is not None:
            item.bytes = cost.stage_bytes * item.todo


def _count_trial(
    planner: Planner,
    trial: Trial,
    out: Path,
    counts: _Counts,
    reasons: Reasons,
    fidelity: Sequence[FidelityStage],
) -> bool:
    """Count what a trial needs; whether it is done."""
    predict, classifier = planner.predict(trial), trial.arm.classifier
    undone = why_undone(out, trial, predict.key, [stage.key for stage in fidelity])
    if undone is None:
        counts.there("predict", classifier.name, 0)
        return True
    images = sum(len(images) for images in predict.splits.values())
    if counts.new(predict.key):
        counts.todo("predict", classifier.name, undone, images=images)
    train = planner.train(trial)
    trained = planner.store.find("train", train.key) is not None
    if counts.new(train.key):
        if trained:
            counts.there("train", classifier.name, _size(planner.store.folder("train", train.key)))
        else:
            steps = classifier.config.optimizer_steps(len(train.train), train.train.classes) or 0
            plugin = classifier.offer.identity
            reason = reasons.of_stage("train", train.key, plugin, None, train.inputs)
            validated = len(train.val) * classifier.config.validations()
            counts.todo("train", classifier.name, reason, steps=steps, validated=validated)
    measured = [_count_fidelity(planner, stage, counts, reasons) for stage in fidelity]
    if not trained or planner.predicts_synthetic(trial) or not all(measured):
        _count_generator(planner, trial, counts, reasons)
    return False


def _count_fidelity(planner: Planner, stage: FidelityStage, counts: _Counts, reasons: Reasons) -> bool:
    """Count a fidelity once; whether it is there."""
    name = stage.extractor.name
    there = planner.store.find("fidelity", stage.key) is not None
    if counts.new(stage.key):
        if there:
            counts.there("fidelity", name, _size(planner.store.folder("fidelity", stage.key)))
        else:
            plugin = stage.extractor.offer.identity
            reason = reasons.of_stage("fidelity", stage.key, plugin, name, stage.inputs)
            counts.todo("fidelity", name, reason, images=stage.passes)
    return there


def _count_generator(planner: Planner, trial: Trial, counts: _Counts, reasons: Reasons) -> None:
    generator, sample = trial.arm.generator, planner.sample(trial)
    if generator is None or sample is None:
        return
    plugin, blocks = generator.offer.identity, []
    for one in sample.classes:
        # A larger set of the same images holds the smaller one: what is read and counted once is each block.
        for number in one.images.blocks(one.n):
            block = f"{one.images.folder.name}/{number}"
            blocks.append(block)
            if not counts.new(block):
                continue
            if one.images.report(number) is None:
                counts.missing.add(block)
                reason = reasons.of_block(one.images, number, plugin, one.label, one.inputs)
                counts.todo("sample", generator.name, reason, images=one.images.block)
            else:
                counts.there("sample", generator.name, one.images.shard(number).stat().st_size)
    if counts.missing.isdisjoint(blocks):
        return
    for fit in planner.fits(trial):
        if not counts.new(fit.key):
            continue
        if planner.store.find("fit", fit.key) is not None:
            counts.there("fit", generator.name, _size(planner.store.folder("fit", fit.key)))
        else:
            steps = generator.fit_config.optimizer_steps(len(fit.shots), fit.shots.classes) or 0
            reason = reasons.of_stage("fit", fit.key, plugin, fit.label or None, fit.inputs)
            counts.todo("fit", generator.name, reason, steps=steps)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
