"""What a run would do: stages to do and already there, images, optimiser steps, and time where records tell it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from pathlib import Path
from typing import Any

from cytobench.arms import Trial
from cytobench.composition import ClassCount, class_counts
from cytobench.contract import PluginConfig
from cytobench.environment import device_info
from cytobench.errors import UserError
from cytobench.plan import Planner
from cytobench.records import Record, read_records
from cytobench.resolve import Resolved
from cytobench.results import refuse_other_settings, trial_done

KINDS = ("fit", "sample", "train", "predict")


@dataclass
class Item:
    """The stages of one kind and plugin. ``images`` are those to make or predict, ``steps`` the optimiser's."""

    kind: str
    plugin: str
    todo: int = 0
    there: int = 0
    images: int = 0
    steps: int = 0
    seconds: float | None = None
    """Expected time of what is to do; None where no earlier record of this device and configuration tells it."""

    @property
    def units(self) -> int:
        """What time is counted by: steps where there are any, else images, else stages."""
        return self.steps or self.images or self.todo


@dataclass(frozen=True)
class Forecast:
    """A run before it runs."""

    trials: int
    done: int
    items: Sequence[Item]
    classes: Sequence[ClassCount]
    folds: Sequence[int]
    seeds: Sequence[int]
    prompts: Mapping[str, Mapping[str, str]]
    device: str
    pooled: bool
    """Whether every number of synthetic images has folds of its own; ``classes`` then shows those of none."""
    kept_bytes: int
    """What the store holds already."""

    @property
    def seconds(self) -> float | None:
        """Expected time of all; None if that of any stage is unknown."""
        known = [item.seconds for item in self.items if item.todo]
        return None if None in known else fsum(value for value in known if value is not None)


@dataclass
class _Counts:
    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def add(self, kind: str, plugin: str, key: str, there: bool, images: int = 0, steps: int = 0) -> None:
        if key in self.seen:
            return
        self.seen.add(key)
        item = self.items.setdefault((kind, plugin), Item(kind, plugin))
        item.there += there
        if not there:
            item.todo += 1
            item.images += images
            item.steps += steps


def forecast(resolved: Resolved, out: Path, store: Path) -> Forecast:
    """Count what a run into ``out`` would do; nothing is written. Raises UserError as the run would."""
    refuse_other_settings(out, resolved.benchmark)
    planners, counts, done = resolved.planners(store), _Counts(), 0
    for trial in resolved.trials:
        planner = planners[trial.repeat]
        predict = planner.predict(trial)
        classifier = trial.arm.classifier
        images = sum(len(images) for images in predict.splits.values())
        finished = trial_done(out, trial, predict.key)
        counts.add("predict", classifier.name, predict.key, finished, images)
        done += finished
        if finished:
            continue
        train = planner.train(trial)
        trained = planner.store.find("train", train.key) is not None
        steps = classifier.config.optimizer_steps(len(train.train)) or 0
        counts.add("train", classifier.name, train.key, trained, steps=steps)
        if not trained or planner.predicts_synthetic(trial):
            _count_generator(planner, trial, counts)
    items = sorted(counts.items.values(), key=lambda item: (KINDS.index(item.kind), item.plugin))
    device = str(device_info(planners[0].device)["name"])
    rates = _rates(resolved, _records_near(out), device)
    for item in items:
        rate = rates.get((item.kind, item.plugin))
        item.seconds = 0.0 if not item.todo else None if rate is None else item.units * rate
    return Forecast(
        trials=len(resolved.trials),
        done=done,
        items=items,
        classes=class_counts(resolved, planners[0]),
        folds=resolved.benchmark.fold or (),
        seeds=tuple(planner.seed for planner in planners),
        prompts={
            label: {"origin": resolved.prompt_origins[label], "generator": p.generator, "classifier": p.classifier}
            for label, p in resolved.prompts.items()
        },
        device=device,
        pooled=resolved.protocol.pooled,
        kept_bytes=sum(file.stat().st_size for file in store.rglob("*") if file.is_file()),
    )


def _count_generator(planner: Planner, trial: Trial, counts: _Counts) -> None:
    generator, sample = trial.arm.generator, planner.sample(trial)
    if generator is None or sample is None:
        return
    complete = True
    for one in sample.classes:
        missing = set(one.images.missing(sample.n))
        complete = complete and not missing
        # A larger set of the same images holds the smaller one: what is counted once is each block.
        for number in one.images.blocks(sample.n):
            key = f"{one.images.folder.name}/{number}"
            counts.add("sample", generator.name, key, number not in missing, images=one.images.block)
    if complete:
        return
    for fit in planner.fits(trial):
        steps = generator.fit_config.optimizer_steps(len(fit.shots)) or 0
        there = planner.store.find("fit", fit.key) is not None
        counts.add("fit", generator.name, fit.key, there, steps=steps)


def _records_near(out: Path) -> list[Record]:
    """Records of this results folder and of those beside it that can be read."""
    found: list[Record] = []
    for folder in sorted(out.parent.glob("*")) if out.parent.is_dir() else ():
        if (folder / "records").is_dir():
            try:
                found += read_records([folder])
            except UserError:  # someone else's folder, or a damaged record: it only serves the estimate
                continue
    return found


def _rates(resolved: Resolved, records: Iterable[Record], device: str) -> dict[tuple[str, str], float]:
    """Seconds a unit, see :attr:`Item.units`, by kind and plugin."""
    configs = {ready.name: (ready.fit_config, ready.sample_config) for ready in resolved.generators}
    trained = {ready.name: ready.config for ready in resolved.classifiers}
    seconds: dict[tuple[str, str], dict[tuple[str, str | None], tuple[float, int]]] = {}
    for record in records:
        for stage in record.stages:
            if stage.device != device:
                continue
            used = record.generator if stage.kind in ("fit", "sample") else record.classifier
            if used is None:
                continue
            units = 0
            if stage.kind == "fit" and used.name in configs and _same(configs[used.name][0], used, "fit_config"):
                shots = record.shots_used.get(stage.label or "", sum(record.shots_used.values()))
                units = configs[used.name][0].optimizer_steps(shots) or 1
            elif stage.kind == "sample" and used.name in configs:
                units = (stage.images or 0) if _same(configs[used.name][1], used, "sample_config") else 0
            elif stage.kind == "train" and used.name in trained and _same(trained[used.name], used, "config"):
                made = record.n_synthetic * len(record.dataset.labels)
                if record.protocol.switches.get("pooled"):
                    made = made * (record.protocol.folds - 2) // record.protocol.folds
                units = trained[used.name].optimizer_steps(sum(record.splits["train"].values()) + made) or 1
            elif stage.kind == "predict" and used.name in trained and _same(trained[used.name], used, "config"):
                units = stage.images or 0
            if units:
                seconds.setdefault((stage.kind, used.name), {})[stage.key, stage.label] = (stage.seconds, units)
    return {
        which: fsum(time for time, _ in found.values()) / sum(units for _, units in found.values())
        for which, found in seconds.items()
    }


def _same(config: PluginConfig, used: Any, name: str) -> bool:
    """Whether a record's configuration is this one."""
    recorded = getattr(used, name)
    return json.dumps(recorded, sort_keys=True) == json.dumps(config.model_dump(mode="json"), sort_keys=True)
