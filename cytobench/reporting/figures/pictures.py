"""The images of a recorded run: synthetic ones from its store, real ones where they may be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cytobench.analysis.comparison.candidates import Candidate
from cytobench.analysis.leaderboard.fidelity import found_in
from cytobench.config.benchmark import Benchmark
from cytobench.config.grid import ReadyGenerator
from cytobench.config.resolve import Resolved
from cytobench.config.variants import find_classifier, find_generator
from cytobench.contract import ClassifierSpec, GeneratorSpec, PluginConfig
from cytobench.errors import UserError
from cytobench.metrics.copying.model import CLOSER
from cytobench.pipeline.plan import Planner, make_planner
from cytobench.pipeline.stages.sample import PlannedSample, plan_sample
from cytobench.plugins import Plugins
from cytobench.plugins.factory import load
from cytobench.protocols import Fold

Rgb = NDArray[np.uint8]
"""RGB, (height, width, 3)."""


@dataclass(frozen=True)
class Run:
    """A recorded run, opened again to find its images; nothing is made."""

    resolved: Resolved
    planner: Planner
    number: int
    """The fold whose images are shown."""

    @property
    def shows_real(self) -> bool:
        """Whether anyone may see its data set's images, or a program drew them."""
        return self.resolved.dataset.public or self.resolved.dataset.drawn

    def synthetic(self, candidate: Candidate, most: int) -> dict[str, list[Rgb]]:
        """The first images of each class behind a row, without copies of real ones but of a control.

        Raises UserError where the store lacks some.
        """
        stage = self._sample(candidate)
        pixels = {}
        for of_class in stage.classes:
            copies = self.copies(candidate).get(of_class.label, frozenset())
            numbers = [number for number in range(of_class.n) if number not in copies][:most]
            n = max(numbers, default=-1) + 1
            if of_class.images.missing(n):
                raise UserError(
                    f"the store {self.planner.store.root} lacks images of {candidate.row.row}, class {of_class.label}."
                )
            shards = of_class.images.pixels(n)
            pixels[of_class.label] = [shards[number].read() for number in numbers]
        return pixels

    def copies(self, candidate: Candidate) -> dict[str, frozenset[int]]:
        """By class the numbers of a row's images that copy real ones; none of a control, of which they are the point.

        None either where the record does not say.
        """
        if not candidate.row.copied:
            return {}
        checked = [record.copies for record, _ in candidate.trials.values() if record.copies is not None]
        labels = {label for copies in checked for label in copies.classes}
        # Those of all folds: folds may share an image set or not.
        return {
            label: frozenset().union(*(copies.classes[label].numbers for copies in checked if label in copies.classes))
            for label in labels
        }

    def tested(self, candidate: Candidate, most: int) -> dict[str, list[Rgb]]:
        """The first real test images of each class."""
        table, fold = self.planner.dataset.table, self._fold(candidate)
        labels = table["label"].to_numpy()
        return {label: self._read(fold.test[labels[fold.test] == label][:most]) for label in candidate.first.evaluated}

    def shots(self, candidate: Candidate, most: int) -> dict[str, list[Rgb]]:
        """The first shots of each class that a row's generator was tuned on."""
        fold = self._fold(candidate)
        return {
            label: self._read(self.planner.fold_shots(candidate.row.shots, fold, label)[:most])
            for label in fold.counts()
        }

    def why_private(self, candidate: Candidate) -> str:
        """Why a row's synthetic images may show real ones that are not public; empty where they do not."""
        ready = self.generator(candidate)
        if ready.made_elsewhere:  # whoever may see the data set, these come from somewhere else
            return "its images or weights were made elsewhere"
        if self.shows_real:
            return ""
        if not ready.offer.spec.seeded:
            return "it gives back images as they are"
        if candidate.first.gives_back_shots:
            return "it is a control that was given shots"
        tests = [used.total.copying for record, _ in candidate.trials.values() for used in record.fidelity]
        if any(test and found_in(test) for test in tests):
            return f"they are {CLOSER}"
        if candidate.row.copies is not None and not candidate.row.copies.unchecked:
            return ""  # what copies a real image is left out one by one
        if any(test and test.get("near_copies") for test in tests):
            return "near-copies of the shots were found among its images"
        return "the very pixels of a shot are among its images" if self._holds_shots(candidate) else ""

    def _holds_shots(self, candidate: Candidate) -> bool:
        fold, digests = self._fold(candidate), self.planner.dataset.table["digest"].to_numpy()
        stage = self._sample(candidate)
        labels = fold.counts() if candidate.row.shots else ()
        shots = {
            str(digests[row]) for label in labels for row in self.planner.fold_shots(candidate.row.shots, fold, label)
        }
        stored = [of_class for of_class in stage.classes if not of_class.images.missing(of_class.n)]
        return any(not shots.isdisjoint(of_class.images.digests(of_class.n)) for of_class in stored)

    def generator(self, candidate: Candidate) -> ReadyGenerator:
        """The generator behind a row. Raises UserError where the folder's benchmark no longer names it."""
        generator = next((ready for ready in self.resolved.generators if ready.name == candidate.row.generator), None)
        if generator is None:
            raise UserError(
                f"benchmark.toml, which is of the folder's last run, does not name {candidate.row.generator}."
            )
        return generator

    def _sample(self, candidate: Candidate) -> PlannedSample:
        row = candidate.row
        return plan_sample(self.planner, self.generator(candidate), row.shots, self._fold(candidate), row.n_synthetic)

    def _fold(self, candidate: Candidate) -> Fold:
        return self.planner.divide(candidate.row.n_synthetic)[self.number]

    def _read(self, rows: Sequence[int] | NDArray[np.int64]) -> list[Rgb]:
        return [self.resolved.dataset.pixels(row).read() for row in rows]


@cache
def open_run(folder: Path, store: Path, number: int, dtype: str | None) -> Run:
    """Open the run that a results folder records, for the images of one fold in its store.

    ``dtype`` is the number format on record, which is part of an image set's key: the run's device need not be here.
    Raises UserError where the folder holds no benchmark, or its data set or weights are not here.
    """
    from cytobench.config.resolve import resolve
    from cytobench.pipeline.resume import BENCHMARK_FILE, recorded_benchmark
    from cytobench.plugins import load_plugins

    benchmark = recorded_benchmark(folder)
    if benchmark is None:
        raise UserError(f"{folder} holds no {BENCHMARK_FILE}, which says how its images were made.")
    plugins = load_plugins()
    programs = sorted(name for name in {*benchmark.generator, *benchmark.classifier} if _asks(name, benchmark, plugins))
    if programs:
        raise UserError(
            f"opening the run would start the programs of {', '.join(programs)}, which its benchmark.toml names; "
            "looking at results starts none."
        )
    resolved = resolve(benchmark.model_copy(update={"device": "cpu"}), plugins)
    planner = make_planner(resolved, store)
    return Run(resolved, planner if dtype is None else replace(planner, dtype=dtype), number)


def _asks(name: str, benchmark: Benchmark, plugins: Plugins) -> bool:
    """Whether finding out what a generator or classifier needs runs something: its options ask for versions."""
    specs: list[GeneratorSpec | ClassifierSpec] = []
    if name in benchmark.generator:
        specs.append(find_generator(name, benchmark, plugins).spec)
    if name in benchmark.classifier:
        specs.append(find_classifier(name, benchmark, plugins).spec)
    configs = [
        config
        for spec in specs
        for config in ((spec.fit_config, spec.sample_config) if isinstance(spec, GeneratorSpec) else (spec.config,))
    ]
    return any(load(config).versions is not PluginConfig.versions for config in configs)
