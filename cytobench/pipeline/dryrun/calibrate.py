"""A few steps of each kind of stage, timed on this device, so that a plan can be priced before anything is run.

The stages are those of the run with fewer steps, images and classes; they write into a temporary store. What a stage
costs is taken as linear in its steps and images, and two lengths of each tell what is paid whatever the length.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

from cytobench.config.grid import ReadyGenerator, Trial
from cytobench.config.resolve import Resolved
from cytobench.contract import PluginConfig
from cytobench.errors import UserError
from cytobench.images import Images
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.dryrun.pricing import Cost, Kind
from cytobench.pipeline.fidelity.extract import reading
from cytobench.pipeline.plan import Planner
from cytobench.pipeline.stages.base import run_stage
from cytobench.pipeline.stages.fidelity import FidelityStage
from cytobench.pipeline.stages.fit import FitStage
from cytobench.pipeline.stages.predict import PredictStage
from cytobench.pipeline.stages.train import TrainStage
from cytobench.plugins.factory import load
from cytobench.storage.image_sets import ImageSet
from cytobench.storage.store import Store

SHORT, LONG = 2, 6
"""Optimiser steps of a fit."""
BATCHES, EPOCHS = 4, 3
"""Batches of a training's epoch, and the epochs of the long one; the short one has one."""
PREDICTED = 256
"""Images predicted at most."""


def calibrate(
    resolved: Resolved, planner: Planner, wanted: Collection[Kind], tell: Callable[[str], None]
) -> dict[Kind, Cost]:
    """Time the kinds of stages in ``wanted``; ``tell`` hears of each. Raises what the stages raise.

    Raises UserError where synthetic images alone train: before they are made there is nothing to train on.
    """
    if resolved.protocol.synthetic_only:
        raise UserError(
            f"--calibrate: under {resolved.protocol.name} nothing can train before synthetic images are made. "
            "Leave --calibrate out, or calibrate the same protocol without +synthetic_only."
        )
    costs: dict[Kind, Cost] = {}
    with TemporaryDirectory(prefix="cytobench-calibrate-") as folder:
        # The first trial stands for all of a plugin: they differ by their images alone.
        trials = resolved.trials
        for generator in resolved.generators:
            trial = next((trial for trial in trials if trial.arm.generator == generator), None)
            if trial is not None and {("fit", generator.name), ("sample", generator.name)} & set(wanted):
                costs |= _Bench(planner, Path(folder) / "generators" / generator.name, tell).generator(generator, trial)
        for classifier in resolved.classifiers:
            trial = next((trial for trial in trials if trial.arm.classifier == classifier), None)
            if trial is not None and {("train", classifier.name), ("predict", classifier.name)} & set(wanted):
                costs |= _Bench(planner, Path(folder) / "classifiers" / classifier.name, tell).classifier(trial)
        for extractor in resolved.extractors:
            trial = next((trial for trial in trials if trial.arm.generator is not None), None)
            stage = planner.fidelity(trial, extractor) if trial is not None else None
            if stage is not None and ("fidelity", extractor.name) in wanted:
                tell(f"calibrating: fidelity {extractor.name}")
                costs["fidelity", extractor.name] = _extract(stage, Path(folder) / "extractors" / extractor.name)
    return {kind: cost for kind, cost in costs.items() if kind in wanted}


@dataclass(frozen=True)
class _Bench:
    planner: Planner
    folder: Path
    tell: Callable[[str], None]

    def generator(self, generator: ReadyGenerator, trial: Trial) -> dict[Kind, Cost]:
        """Costs of fitting and sampling."""
        fits = self.planner.fits(trial)
        costs: dict[Kind, Cost] = {}
        fitted: dict[str, str] = {}
        if fits:
            self.tell(f"calibrating: fit {generator.name}")
            first = max(fits, key=lambda stage: len(stage.shots))
            costs["fit", generator.name], key = self._fit(first, generator.fit_config)
            fitted = {stage.label: key for stage in fits}
        self.tell(f"calibrating: sample {generator.name}")
        costs["sample", generator.name] = self._sample(trial, fitted)
        return costs

    def classifier(self, trial: Trial) -> dict[Kind, Cost]:
        """Costs of training and prediction."""
        name = trial.arm.classifier.name
        self.tell(f"calibrating: train {name}")
        trained, key = self._train(self.planner.train(trial), trial.arm.classifier.config)
        self.tell(f"calibrating: predict {name}")
        return {("train", name): trained, ("predict", name): self._predict(self.planner.predict(trial), key)}

    def _fit(self, stage: FitStage, config: PluginConfig) -> tuple[Cost, str]:
        """The cost of a fit, and the key of one that was made."""
        full = config.optimizer_steps(len(stage.shots), stage.shots.classes) or 0
        lengths = [min(full, SHORT), min(full, SHORT), min(full, LONG)] if full else [0, 0]
        made = []
        for number, steps in enumerate(lengths):
            brief = config.with_steps(steps, len(stage.shots)) if full else config
            configs = (brief, *stage.work.configs[1:])
            one = replace(stage, key=f"fit{number}", work=replace(stage.work, configs=configs, store=self.folder))
            made.append(run_stage(one)["seconds"])
        key = f"fit{len(made) - 1}"
        return _linear(made, lengths, self._bytes("fit", key)), key

    def _sample(self, trial: Trial, fitted: dict[str, str]) -> Cost:
        """The cost of sampling, from a block of each of two classes."""
        stage = self.planner.sample(trial)
        assert stage is not None  # only trials with a generator come here
        classes = [
            replace(
                one,
                images=ImageSet(self.folder / "images" / str(number), one.images.block),
                fit_key=fitted.get(one.label, fitted.get("")),
            )
            for number, one in enumerate(stage.classes[:2])
        ]
        n = classes[0].images.block
        classes = [replace(one, n=n) for one in classes]
        run_stage(replace(stage, classes=tuple(classes), work=replace(stage.work, store=self.folder)))
        reports = [one.images.report(0) or {} for one in classes]
        load = sum(report["parts"].get("load", 0.0) for report in reports)
        busy = sum(report["seconds"] for report in reports) - load
        size = sum(file.stat().st_size for one in classes for file in one.images.folder.iterdir()) / len(classes)
        return Cost(once=load, image=busy / (n * len(classes)), stage_bytes=size)

    def _train(self, stage: TrainStage, config: PluginConfig) -> tuple[Cost, str]:
        """The cost of a training, and the key of one that was made."""
        real = [i for i, made in enumerate(stage.train.table["synthetic"]) if not made]
        an_epoch = config.with_steps(1, len(real)).optimizer_steps(len(real), stage.train.classes) or 0
        if not an_epoch:  # it cannot be made shorter
            seconds = [self._trained(stage, config, 0, stage.train.take(real), stage.val) for _ in range(2)]
            return _linear(seconds, [0, 0], self._bytes("train", "train0")), "train0"
        train = stage.train.take(_spread(real, ceil(len(real) * BATCHES / an_epoch)))
        held_out = [i for i, made in enumerate(stage.val.table["synthetic"]) if not made]
        few, many = stage.val.take(held_out[:1]), stage.val.take(_spread(held_out, len(train)))
        batches = config.with_steps(1, len(train)).optimizer_steps(len(train), train.classes) or 1
        lengths = [batches, batches, batches * EPOCHS]
        seconds = [
            self._trained(stage, config.with_steps(steps, len(train)), number, train, few)
            for number, steps in enumerate(lengths)
        ]
        longest = config.with_steps(lengths[-1], len(train))
        more = self._trained(stage, longest, len(seconds), train, many) - seconds[-1]
        validated = max(0.0, more) / (EPOCHS * max(1, len(many) - len(few)))
        cost = _linear(seconds, lengths, self._bytes("train", "train0"))
        return replace(cost, validated=validated), "train0"

    def _trained(self, stage: TrainStage, config: PluginConfig, number: int, train: Images, val: Images) -> float:
        work = replace(stage.work, configs=(config,), store=self.folder)
        report = run_stage(replace(stage, key=f"train{number}", work=work, train=train, val=val))
        return float(report["seconds"])

    def _predict(self, stage: PredictStage, train_key: str) -> Cost:
        """The cost of prediction, from one split; every split is opened and predicted alike."""
        split = "validation"
        images = stage.splits[split]
        real = [i for i, made in enumerate(images.table["synthetic"]) if not made]
        rows = _spread(real, PREDICTED)
        brief = replace(
            stage,
            work=replace(stage.work, store=self.folder),
            train_key=train_key,
            splits={split: images.take(rows)},
            paths={split: [stage.paths[split][i] for i in rows]},
            checkpoints={split: stage.checkpoints[split]},
        )
        report = min((run_stage(brief) for _ in range(2)), key=lambda one: float(one["seconds"]))
        load = report["parts"].get("load", 0.0)
        opened = len(set(stage.checkpoints.values()))
        return Cost(stage=load * opened, image=(report["seconds"] - load) / len(rows), stage_bytes=0)

    def _bytes(self, kind: str, key: str) -> int:
        folder = Store(self.folder).folder(kind, key)
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _extract(stage: FidelityStage, folder: Path) -> Cost:
    """The cost of an extraction; the figures themselves take seconds and are not counted."""
    rows, watch = _spread(list(range(len(stage.real))), PREDICTED), Stopwatch(stage.work.device)
    load(stage.extractor.offer.spec.factory)
    with reading(stage.extractor, folder, stage.work.device, time=watch.part) as reader:
        with watch.stage():
            part = stage.real.take(rows)
            reader.features(part.images, part.digests)
        once = watch.parts.get("load", 0.0)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / reader.extracted
        return Cost(
            once=once,
            image=(watch.seconds - once) / reader.extracted,
            stage_bytes=size * stage.kept,
        )


def _linear(seconds: list[float], steps: list[int], size: float) -> Cost:
    """From a first stage, one like it, and a longer one (or none): once, for a stage, and for a step."""
    first, again = seconds[:2]
    longer = steps[-1] - steps[0]
    step = max(0.0, seconds[-1] - again) / longer if longer else 0.0
    return Cost(
        once=max(0.0, first - again), stage=max(0.0, again - step * steps[0]), step=step, stage_bytes=size
    )


def _spread(rows: list[int], number: int) -> list[int]:
    """At most so many rows, evenly spread."""
    number = min(number, len(rows))
    return [rows[i * len(rows) // number] for i in range(number)]
