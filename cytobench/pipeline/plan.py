"""What the stages of a run have in common: data, divisions, shots, views, seeds; the pictures that a stage is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cytobench._dataset import Dataset
from cytobench._keys import CanonicalJson, content_key, derive_seed
from cytobench.assets import Asset
from cytobench.config.grid import ReadyClassifier, ReadyExtractor, ReadyGenerator, Trial
from cytobench.config.resolve import Resolved
from cytobench.contract import PluginConfig
from cytobench.data.choice import RANDOM, Choice
from cytobench.data.prompts import ClassPrompts
from cytobench.images import Images, Pixels, View
from cytobench.pipeline.fidelity.part import Part
from cytobench.pipeline.work import Work
from cytobench.protocols import Fold, Protocol, draw_shots, refuse_unlisted
from cytobench.protocols import split as split_dataset
from cytobench.storage.compared_sets import COPIES, ComparedSet
from cytobench.storage.image_sets import IMAGES, ImageSet
from cytobench.storage.store import Store

Rows = NDArray[np.int64]
"""Row numbers of the data set's table."""

SyntheticImages = Mapping[str, tuple[ImageSet, int]]
"""By class, the image set and how many of its first images are there once it is sampled."""


@dataclass(frozen=True)
class RealPixels:
    """Real images, each once: the digest of its pixels, in order, and where it is read."""

    digests: Sequence[str]
    pixels: Sequence[Pixels]


@dataclass(frozen=True)
class Planner:
    """What the stages of one repeat are planned with."""

    dataset: Dataset
    protocol: Protocol
    folds: int
    divide: Callable[[int], Sequence[Fold]]
    """The folds with so many synthetic images a class."""
    prompts: Mapping[str, ClassPrompts]
    train_only: tuple[str, ...]
    seed: int
    device: str
    dtype: str
    workers: int
    store: Store
    external: Dataset | None = None
    """An outside test set with the labels of ``dataset``."""
    seen: tuple[int, ...] = ()
    """Rows that generators made elsewhere have seen; they are in training alone."""
    choice: Choice = RANDOM
    """How shots are chosen."""
    repeats: int = 1
    """How many planners the run has; titles tell the seed where there are several."""
    _shots: dict[tuple[object, ...], Rows] = field(default_factory=dict, compare=False, repr=False)
    _sets: dict[str, ImageSet] = field(default_factory=dict, compare=False, repr=False)
    _compared: dict[str, ComparedSet] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def labels(self) -> NDArray[np.object_]:
        """The class of each image, in the table's order."""
        return self.dataset.table["label"].to_numpy(dtype=object)

    def fold(self, trial: Trial) -> Fold:
        """The division of images that a trial is run on."""
        return self.divide(trial.arm.n)[trial.fold]

    def place(self, fold: int) -> str:
        """A fold, and the seed where a run has several, for titles."""
        return f"fold {fold} seed {self.seed}" if self.repeats > 1 else f"fold {fold}"

    def shots(self, trial: Trial) -> dict[str, Rows]:
        """The rows each class's shots are, by label; empty for an arm without shots."""
        if not trial.arm.shots:
            return {}
        fold = self.fold(trial)
        return {label: self.fold_shots(trial.arm.shots, fold, label) for label in self.dataset.labels}

    def fold_shots(self, shots: int, fold: Fold, label: str) -> Rows:
        """The rows that a class's shots are in a fold; drawn once for all folds that draw from the same images."""
        pool = None if self.protocol.shots_from == "all" else (fold.number, fold.training_part.tobytes())
        drawn = (shots, pool, label)
        if drawn not in self._shots:
            self._shots[drawn] = draw_shots(self.dataset, self.protocol, fold, label, shots, self.seed, self.choice)
        return self._shots[drawn]

    def refuse_unlisted(self, trials: Sequence[Trial]) -> None:
        """Raise UserError if a file lists the shots, and none of a class that some trial tunes a generator on."""
        tuned = {(trial.fold, trial.arm.n): self.fold(trial) for trial in trials if trial.arm.shots}
        for _, fold in sorted(tuned.items(), key=lambda item: item[0]):
            refuse_unlisted(self.dataset, self.protocol, self.choice, fold, sorted(fold.counts()))

    def scored(self, rows: Rows) -> Rows:
        """Those of a part's real images that are validated or tested as the protocol does it."""
        return rows if self.protocol.real_scored else rows[:0]

    def view(self, part: Literal["val", "test"], trial: Trial) -> View:
        """How a trial's validation or test images are seen."""
        return self.protocol.evaluation_view(part, derive_seed(self.seed, "recolouring", part, trial.fold))

    def train_seed(self, trial: Trial) -> int:
        """The same for every arm of a fold, so that arms differ by their images alone."""
        return derive_seed(self.seed, "train", trial.fold)

    def work(
        self,
        ready: ReadyGenerator | ReadyClassifier | ReadyExtractor,
        configs: tuple[PluginConfig, ...],
        seed: int,
        assets: Mapping[str, Asset],
        fold: int | None = None,
    ) -> Work:
        """What a stage has of its plugin and of the run."""
        offer = ready.offer
        return Work(
            plugin=offer.spec.name,
            origin=f"{offer.origin} {offer.version}".strip(),
            factory=offer.spec.factory,
            packages=offer.packages,
            code=offer.code,
            configs=configs,
            seed=seed,
            device=self.device,
            dtype=self.dtype,
            workers=self.workers,
            labels=self.dataset.labels,
            assets=assets,
            store=self.store.root,
            selection=self.protocol.selection,
            recolouring=self.protocol.training_recolouring,
            corners=self.protocol.corners,
            train_only=self.train_only,
            fold=fold,
        )

    def image_set(self, key: str, block: int) -> ImageSet:
        """The image set of a key, one object a run, so that each block is checked once."""
        if key not in self._sets:
            self._sets[key] = ImageSet(self.store.folder(IMAGES, key), block)
        return self._sets[key]

    @cached_property
    def real(self) -> RealPixels:
        """Every real image of the run once: of the data set, whatever its class and part, and of the outside test set.

        Whole, not as a view shows them.
        """
        pixels = dict(zip(self.dataset.table["digest"], self._pixels(np.arange(len(self.dataset))), strict=True))
        if self.external is not None:
            outside = self.external_images(self.external).pixels
            pixels = {**dict(zip(self.external.table["digest"], outside, strict=True)), **pixels}
        digests = sorted(pixels)
        return RealPixels(digests, [pixels[digest] for digest in digests])

    @cached_property
    def _real_key(self) -> str:
        """What the real images of the run are, by their pixels alone."""
        outside = () if self.external is None else self.external.table["digest"]
        return content_key("real", {"digests": sorted({*self.dataset.table["digest"], *outside})})

    def compared_set(self, images: ImageSet, revision: int) -> ComparedSet:
        """The comparison of an image set with all real images of the run, one object a run."""
        name = images.folder.name
        if name not in self._compared:
            key = content_key(COPIES, {"images": name, "real": self._real_key, "revision": revision})
            self._compared[name] = ComparedSet(self.store.folder(COPIES, key), images)
        return self._compared[name]

    def contents(self, rows: Rows) -> CanonicalJson:
        """What keys say of real images: label and pixel digest of each, in order."""
        return CanonicalJson.of_list(self._written[rows])

    @cached_property
    def _written(self) -> NDArray[np.object_]:
        pairs = zip(self.labels, self.dataset.table["digest"], strict=True)
        return np.array([CanonicalJson.of([label, digest]) for label, digest in pairs], dtype=object)

    def images(
        self,
        rows: Rows,
        audience: Literal["generator", "classifier"],
        view: View,
        sampled: SyntheticImages | None = None,
        indices: Mapping[str, Rows] | None = None,
    ) -> Images:
        """Real images of these rows, then the synthetic ones of ``indices``, by class; prompts for ``audience``."""
        prompts = {label: getattr(self.prompts[label], audience) for label in self.dataset.labels}
        labels = list(self.labels[rows])
        pixels = self._pixels(rows)
        real = len(labels)
        for label, numbers in (indices or {}).items():
            if sampled is None:
                raise ValueError("synthetic images are asked for, and none are sampled")
            images, n = sampled[label]
            shards = images.pixels(n)
            labels += [label] * len(numbers)
            pixels += [shards[index] for index in numbers]
        synthetic = np.arange(len(labels)) >= real
        table = pd.DataFrame({"label": labels, "prompt": [prompts[label] for label in labels], "synthetic": synthetic})
        return Images(table, self.dataset.labels, prompts, pixels, view)

    def _pixels(self, rows: Rows) -> list[Pixels]:
        return [self.dataset.pixels(row) for row in rows]

    def external_images(self, external: Dataset) -> Images:
        """All images of the outside test set, as a classifier sees clean real ones."""
        prompts = {label: self.prompts[label].classifier for label in self.dataset.labels}
        table = pd.DataFrame({"label": external.table["label"], "synthetic": False})
        table["prompt"] = table["label"].map(prompts)
        pixels = [external.pixels(row) for row in range(len(external))]
        return Images(table, self.dataset.labels, prompts, pixels, self.protocol.view)

    def part(self, rows: Rows) -> Part:
        """Real images as fidelity takes them, with their digests, groups and names."""
        table = self.dataset.table.iloc[rows]
        return Part(
            images=self.images(rows, "classifier", self.protocol.view),
            digests=list(table["digest"]),
            groups=list(table["group"].astype(object).where(table["group"].notna(), None)),
            names=list(table["path"]),
        )


def make_planners(resolved: Resolved, store: Path) -> list[Planner]:
    """The planner of each repeat. Raises UserError for classes that are too rare, or without listed shots."""
    planners = [make_planner(resolved, store, repeat) for repeat in range(resolved.benchmark.repeats)]
    if resolved.choice.listed is not None:
        for repeat, planner in enumerate(planners):
            planner.refuse_unlisted([trial for trial in resolved.trials if trial.repeat == repeat])
    return planners


def make_planner(resolved: Resolved, store: Path, repeat: int = 0) -> Planner:
    """The planner of one repeat's stages, on a store. Raises UserError for a class that is too rare."""
    benchmark = resolved.benchmark
    seed = benchmark.seed + repeat

    @cache
    def divide(synthetic: int) -> Sequence[Fold]:
        apart, seen = benchmark.train_only, resolved.seen
        return split_dataset(resolved.dataset, resolved.protocol, benchmark.folds, seed, apart, synthetic, seen)

    divide(0)  # classes that are too rare are refused here
    device = benchmark.device or "cpu"
    return Planner(
        dataset=resolved.dataset,
        protocol=resolved.protocol,
        folds=benchmark.folds,
        divide=divide,
        prompts=resolved.prompts,
        train_only=benchmark.train_only,
        seed=seed,
        device=device,
        dtype="float32" if device == "cpu" else "float16",
        workers=benchmark.workers,
        store=Store(store),
        external=resolved.external.dataset if resolved.external else None,
        seen=resolved.seen,
        choice=resolved.choice,
        repeats=benchmark.repeats,
    )
