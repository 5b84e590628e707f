"""The stage ``fit``: a generator tuned on shots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from cytobench._keys import derive_seed
from cytobench.config.grid import ReadyGenerator
from cytobench.config.options import outcome, plain_settings
from cytobench.config.resolve import Resolved
from cytobench.images import Images, View
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.cost import Amount, Cost, linear_cost
from cytobench.pipeline.plan import Planner, Rows
from cytobench.pipeline.planned import PlannedStage, folder_size, recorded_generator, same_settings
from cytobench.pipeline.work import Services, Work, run_stage, stage_report
from cytobench.protocols import Fold
from cytobench.storage.records import Record, StageReport
from cytobench.storage.stage_kind import StageKind
from cytobench.storage.store import Store

SHORT, LONG = 2, 6
"""Optimiser steps of the fits that are timed."""


@dataclass(frozen=True)
class FitStage:
    """Tune a generator on shots; leaves the artefact in the store."""

    kind: ClassVar[StageKind] = StageKind.FIT
    key: str
    work: Work
    label: str
    shots: Images
    inputs: Mapping[str, Any]

    def run(self, services: Services) -> dict[str, Any]:
        """Fit and keep the artefact; returns the report."""
        store, watch = Store(self.work.store), Stopwatch(self.work.device)
        generator = self.work.make()
        with store.making(self.kind, self.key) as out:
            with watch.stage():
                generator.fit(self.shots, self.work.context(out, services, watch))
            self.work.refuse_changes()
            report = stage_report(self.kind, self.key, self.label or None, self.work, watch, None)
            store.keep(self.kind, self.key, out, dict(self.inputs), report)
        return report


@dataclass(frozen=True, eq=False)
class PlannedFit(PlannedStage):
    """A fit on the shots of one class, or of all (``fitted_label`` empty)."""

    kind: ClassVar[StageKind] = StageKind.FIT
    owner: ClassVar[str] = "generator"
    planner: Planner
    ready: ReadyGenerator
    fitted_label: str
    rows: Rows
    """The shots."""
    title: str

    @property
    def label(self) -> str | None:
        return self.fitted_label or None

    @property
    def needs(self) -> tuple[PlannedStage, ...]:
        return ()

    @property
    def seed(self) -> int:
        """The seed of the tuning."""
        return derive_seed(self.planner.seed, self.kind, self.fitted_label)

    def inputs(self) -> dict[str, Any]:
        planner, ready = self.planner, self.ready
        labels = (self.fitted_label,) if self.fitted_label else planner.dataset.labels
        return {
            "generator": ready.offer.identity,
            **ready.offer.state,
            "fit": outcome(ready.fit_config),
            **ready.fit_needs.inputs(),
            "shots": planner.contents(self.rows),
            "prompts": [planner.prompts[label].generator for label in labels],
            "seed": self.seed,
            "dtype": planner.dtype,
        }

    @property
    def amount(self) -> Amount:
        return Amount(steps=self.ready.fit_config.optimizer_steps(*self._given) or 0)

    @property
    def cautions(self) -> Sequence[str]:
        return self.ready.fit_config.cautions(*self._given)

    @cached_property
    def _given(self) -> tuple[int, int]:
        """How many images it is given, and of how many classes."""
        return len(self.rows), len(set(self.planner.labels[self.rows]))

    @classmethod
    def recorded(cls, resolved: Resolved, record: Record, report: StageReport) -> tuple[str, Amount] | None:
        ready, used = recorded_generator(resolved, record)
        if ready is None or used is None or not same_settings(plain_settings(ready.fit_config), used.fit_config):
            return None
        shots = record.shots_used.get(report.label or "", sum(record.shots_used.values()))
        classes = 1 if report.label else len(record.shots_used)
        return used.name, Amount(steps=ready.fit_config.optimizer_steps(shots, classes) or 0)

    def build(self) -> FitStage:
        planner, ready = self.planner, self.ready
        configs = (ready.fit_config, ready.sample_config)
        work = planner.work(ready, configs, self.seed, ready.needs.assets)
        images = planner.images(self.rows, "generator", View())
        return FitStage(self.key, work, self.fitted_label, images, self.plain_inputs())


def plan_fits(planner: Planner, generator: ReadyGenerator, shots: int, fold: Fold) -> tuple[PlannedFit, ...]:
    """The fits of a generator on a fold's shots: none, one for each class it takes images of, or one for all."""
    if generator.scope == "none":
        return ()
    counts = fold.counts()
    labels = [label for label in planner.dataset.labels if label in counts] if generator.scope == "class" else [""]
    fits = []
    for label in labels:
        classes = (label,) if label else planner.dataset.labels
        rows = np.concatenate([planner.fold_shots(shots, fold, name) for name in classes])
        title = f"fit {generator.name} {label or 'all classes'} s{shots} {planner.place(fold.number)}"
        fits.append(PlannedFit(planner, generator, label, rows, title))
    return tuple(fits)



def time_fit(planned: PlannedFit, folder: Path) -> tuple[Cost, str]:
    """Time a few steps in a store of its own: the cost of a fit, and the key of one that is there now."""
    stage, config = planned.build(), planned.ready.fit_config
    full = planned.amount.steps
    lengths = [min(full, SHORT), min(full, SHORT), min(full, LONG)] if full else [0, 0]
    seconds = []
    for number, steps in enumerate(lengths):
        brief = config.with_steps(steps, len(stage.shots)) if full else config
        work = replace(stage.work, configs=(brief, *stage.work.configs[1:]), store=folder)
        seconds.append(run_stage(replace(stage, key=f"fit{number}", work=work))["seconds"])
    key = f"fit{len(seconds) - 1}"
    return linear_cost(seconds, lengths, folder_size(Store(folder).folder(planned.kind, key))), key
