"""The images of a recorded run: synthetic ones from its store, real ones where they may be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cytobench.arms import ReadyGenerator
from cytobench.comparison.candidates import Candidate
from cytobench.errors import UserError
from cytobench.images import FilePixels
from cytobench.leaderboard.fidelity import found_in
from cytobench.plan import Planner
from cytobench.protocols import Fold
from cytobench.resolve import Resolved

Pixels = NDArray[np.uint8]
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

    def synthetic(self, one: Candidate, most: int) -> dict[str, list[Pixels]]:
        """The first images of each class behind a row. Raises UserError where the store lacks some."""
        stage = self.planner.sampling(self.generator(one), one.row.shots, self._fold(one))
        found = {}
        for made in stage.classes:
            n = min(most, made.n)
            if made.images.missing(n):
                raise UserError(
                    f"the store {self.planner.store.root} lacks images of {one.row.row}, class {made.label}."
                )
            found[made.label] = [pixels.read() for pixels in made.images.pixels(n)]
        return found

    def tested(self, one: Candidate, most: int) -> dict[str, list[Pixels]]:
        """The first real test images of each class."""
        table, fold = self.planner.dataset.table, self._fold(one)
        labels = table["label"].to_numpy()
        return {label: self._read(fold.test[labels[fold.test] == label][:most]) for label in one.first.evaluated}

    def shots(self, one: Candidate, most: int) -> dict[str, list[Pixels]]:
        """The first shots of each class that a row's generator was tuned on."""
        fold = self._fold(one)
        return {
            label: self._read(self.planner.fold_shots(one.row.shots, fold, label)[:most]) for label in fold.counts()
        }

    def why_private(self, one: Candidate) -> str:
        """Why a row's synthetic images may show real ones that are not public; empty where they do not."""
        ready = self.generator(one)
        if self.shows_real:
            return ""
        if not ready.offer.spec.seeded:
            return "it gives back images as they are"
        if ready.made_elsewhere:
            return "its images or weights were made elsewhere"
        found = [
            used for record, _ in one.trials.values() for used in record.fidelity if used.total.copying is not None
        ]
        return (
            "copies of the shots were found among its images"
            if any(found_in(used.total.copying or {}) for used in found)
            else ""
        )

    def generator(self, one: Candidate) -> ReadyGenerator:
        """The generator behind a row."""
        return next(ready for ready in self.resolved.generators if ready.name == one.row.generator)

    def _fold(self, one: Candidate) -> Fold:
        return self.planner.divide(one.row.n_synthetic)[self.number]

    def _read(self, rows: Sequence[int] | NDArray[np.int64]) -> list[Pixels]:
        return [FilePixels(self.planner.paths[row]).read() for row in rows]


@cache
def open_run(folder: Path, store: Path, number: int, dtype: str | None) -> Run:
    """Open the run that a results folder records, for the images of one fold in its store.

    ``dtype`` is the number format on record, which is part of an image set's key: the run's device need not be here.
    Raises UserError where the folder holds no benchmark, or its data set or weights are not here.
    """
    from cytobench.plugins import load_plugins
    from cytobench.resolve import resolve
    from cytobench.results import BENCHMARK_FILE, recorded_benchmark

    benchmark = recorded_benchmark(folder)
    if benchmark is None:
        raise UserError(f"{folder} holds no {BENCHMARK_FILE}, which says how its images were made.")
    resolved = resolve(benchmark.model_copy(update={"device": "cpu"}), load_plugins())
    planner = resolved.planner(store)
    return Run(resolved, planner if dtype is None else replace(planner, dtype=dtype), number)
