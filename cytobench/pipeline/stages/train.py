"""The stage ``train``: a classifier trained on real and synthetic images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from cytobench.config.grid import ReadyClassifier, Trial
from cytobench.config.options import outcome, plain_settings
from cytobench.config.resolve import Resolved
from cytobench.contract import PluginConfig
from cytobench.images import Images
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.cost import Amount, Cost, linear_cost, spread
from cytobench.pipeline.plan import Planner
from cytobench.pipeline.planned import PlannedStage, folder_size, recorded_classifier, same_settings
from cytobench.pipeline.stages.sample import PlannedSample
from cytobench.pipeline.work import Services, Work, run_stage, stage_report
from cytobench.protocols import Fold
from cytobench.storage.records import Record, StageReport
from cytobench.storage.stage_kind import StageKind
from cytobench.storage.store import Store

BATCHES, EPOCHS = 4, 3
"""Batches of an epoch of the trainings that are timed, and the epochs of the long one; the short one has one."""


@dataclass(frozen=True)
class TrainStage:
    """Train a classifier; leaves the picked and the last checkpoint in the store."""

    kind: ClassVar[StageKind] = StageKind.TRAIN
    key: str
    work: Work
    train: Images
    val: Images
    inputs: Mapping[str, Any]

    def run(self, services: Services) -> dict[str, Any]:
        """Train and keep the checkpoints; the report names them (``picked``, ``last``) and holds the curves."""
        store, watch = Store(self.work.store), Stopwatch(self.work.device)
        classifier = self.work.make()
        with store.making(self.kind, self.key) as out:
            with watch.stage():
                checkpoints = classifier.fit(self.train, self.val, self.work.context(out, services, watch))
            self.work.refuse_changes()
            report = stage_report(self.kind, self.key, None, self.work, watch, None)
            report |= {
                "picked": checkpoints.picked.relative_to(out).as_posix(),
                "last": checkpoints.last.relative_to(out).as_posix(),
                "curves": [dict(row) for row in checkpoints.curves],
            }
            store.keep(self.kind, self.key, out, dict(self.inputs), report)
        return report


@dataclass(frozen=True, eq=False)
class PlannedTraining(PlannedStage):
    """The training of a trial's classifier."""

    kind: ClassVar[StageKind] = StageKind.TRAIN
    owner: ClassVar[str] = "classifier"
    planner: Planner
    trial: Trial
    sample: PlannedSample | None
    title: str

    @property
    def ready(self) -> ReadyClassifier:  # type: ignore[override]
        return self.trial.arm.classifier

    @property
    def fold(self) -> Fold:
        """The division of images that it trains on."""
        return self.planner.fold(self.trial)

    @property
    def needs(self) -> tuple[PlannedStage, ...]:
        return () if self.sample is None else (self.sample,)

    def inputs(self) -> dict[str, Any]:
        planner, ready, fold = self.planner, self.ready, self.fold
        labels = planner.dataset.labels
        return {
            "classifier": ready.offer.identity,
            **ready.offer.state,
            "config": outcome(ready.config),
            **ready.needs.inputs(),
            "labels": list(labels),
            "prompts": [planner.prompts[label].classifier for label in labels],
            "train": planner.contents(fold.train),
            "synthetic": synthetic_inputs(self.sample, fold, "train"),
            "val": planner.contents(planner.scored(fold.val)),
            "val_synthetic": synthetic_inputs(self.sample, fold, "val"),
            "view": [asdict(view) for view in (planner.protocol.view, planner.view("val", self.trial))],
            "recolouring": planner.protocol.training_recolouring,
            # Left out where they are reflected, as they were before a protocol could say it.
            **({} if planner.protocol.corners == "reflected" else {"corners": planner.protocol.corners}),
            "selection": planner.protocol.selection,
            "seed": planner.train_seed(self.trial),
            "dtype": planner.dtype,
        }

    @property
    def amount(self) -> Amount:
        planner, fold = self.planner, self.fold
        validated = len(planner.scored(fold.val)) + sum(map(len, fold.synthetic.get("val", {}).values()))
        config = self.ready.config
        steps = config.optimizer_steps(*self._given) or 0
        return Amount(steps=steps, validated=validated * config.validations())

    @property
    def cautions(self) -> Sequence[str]:
        return self.ready.config.cautions(*self._given)

    @cached_property
    def _given(self) -> tuple[int, int]:
        """How many images it is given, and of how many classes."""
        fold = self.fold
        synthetic = {label: len(indices) for label, indices in fold.synthetic.get("train", {}).items()}
        classes = {*self.planner.labels[fold.train], *(label for label, n in synthetic.items() if n)}
        return len(fold.train) + sum(synthetic.values()), len(classes)

    @classmethod
    def recorded(cls, resolved: Resolved, record: Record, report: StageReport) -> tuple[str, Amount] | None:
        ready = recorded_classifier(resolved, record)
        if ready is None or not same_settings(plain_settings(ready.config), record.classifier.config):
            return None
        real = record.splits["train"].values()
        synthetic = record.n_synthetic
        if record.protocol.switches.get("pooled"):
            synthetic = synthetic * (record.protocol.folds - 2) // record.protocol.folds
        balanced = record.protocol.switches.get("balanced") and synthetic
        synthetic = sum(max(synthetic - n, 0) for n in real) if balanced else synthetic * len(real)
        classes = len(real) if synthetic else sum(count > 0 for count in real)
        return ready.name, Amount(steps=ready.config.optimizer_steps(sum(real) + synthetic, classes) or 0)

    def build(self) -> TrainStage:
        planner, fold = self.planner, self.fold
        sampled = None if self.sample is None else self.sample.images
        view = planner.protocol.view
        train = planner.images(fold.train, "classifier", view, sampled, fold.synthetic.get("train"))
        scored, indices = planner.scored(fold.val), fold.synthetic.get("val")
        val = planner.images(scored, "classifier", planner.view("val", self.trial), sampled, indices)
        work = planner.work(self.ready, (self.ready.config,), planner.train_seed(self.trial), self.ready.needs.assets)
        return TrainStage(self.key, work, train, val, self.plain_inputs())


def synthetic_inputs(
    sample: PlannedSample | None, fold: Fold, part: Literal["train", "val", "test"]
) -> list[list[Any]]:
    """What a key says of the synthetic images of a part: image set, label and indices, or their number if all."""
    if sample is None:
        return []
    values = []
    for label, indices in fold.synthetic.get(part, {}).items():
        images, n = sample.images[label]
        every = len(indices) == n and bool(np.array_equal(indices, np.arange(n)))
        values.append([images.folder.name, label, n if every else np.asarray(indices).tolist()])
    return values


def plan_training(planner: Planner, trial: Trial, sample: PlannedSample | None) -> PlannedTraining:
    """The training of a trial's classifier on its fold, with the synthetic images that ``sample`` makes."""
    return PlannedTraining(planner, trial, sample, f"train {trial.arm.row} {planner.place(trial.fold)}")



def time_training(planned: PlannedTraining, folder: Path) -> tuple[Cost, str]:
    """Time a few steps on real images in a store of its own: the cost, and the key of a training that is there now."""
    stage, config = planned.build(), planned.ready.config
    key = "train0"

    def train(number: int, config: PluginConfig, train: Images, val: Images) -> float:
        work = replace(stage.work, configs=(config,), store=folder)
        return float(run_stage(replace(stage, key=f"train{number}", work=work, train=train, val=val))["seconds"])

    def size() -> int:
        return folder_size(Store(folder).folder(planned.kind, key))

    real = [row for row, synthetic in enumerate(stage.train.table["synthetic"]) if not synthetic]
    an_epoch = config.with_steps(1, len(real)).optimizer_steps(len(real), stage.train.classes) or 0
    if not an_epoch:  # it cannot be made shorter
        seconds = [train(0, config, stage.train.take(real), stage.val) for _ in range(2)]
        return linear_cost(seconds, [0, 0], size()), key
    images = stage.train.take(spread(real, ceil(len(real) * BATCHES / an_epoch)))
    held_out = [row for row, synthetic in enumerate(stage.val.table["synthetic"]) if not synthetic]
    few, many = stage.val.take(held_out[:1]), stage.val.take(spread(held_out, len(images)))
    batches = config.with_steps(1, len(images)).optimizer_steps(len(images), images.classes) or 1
    lengths = [batches, batches, batches * EPOCHS]
    seconds = [
        train(number, config.with_steps(steps, len(images)), images, few) for number, steps in enumerate(lengths)
    ]
    longest = config.with_steps(lengths[-1], len(images))
    more = train(len(seconds), longest, images, many) - seconds[-1]
    validated = max(0.0, more) / (EPOCHS * max(1, len(many) - len(few)))
    return replace(linear_cost(seconds, lengths, size()), validated=validated), key
