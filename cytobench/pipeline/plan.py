"""From a resolved run to stages: what each trial needs, and under which content address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cytobench._keys import content_key, derive_seed
from cytobench.assets import Asset
from cytobench.config.grid import ReadyClassifier, ReadyExtractor, ReadyGenerator, Trial
from cytobench.config.options import outcome
from cytobench.config.resolve import Resolved
from cytobench.contract import ClassifierSpec, ExtractorSpec, GeneratorSpec, PluginConfig
from cytobench.data.choice import RANDOM, Choice
from cytobench.data.dataset import Dataset
from cytobench.data.prompts import ClassPrompts
from cytobench.images import FilePixels, Images, Pixels, View
from cytobench.metrics.classification import EXTERNAL
from cytobench.pipeline.fidelity.copies import Tuning, Untested
from cytobench.pipeline.fidelity.part import Part
from cytobench.pipeline.fidelity.tuning import contents, held_out_rows, inputs_of, why_untested
from cytobench.pipeline.stages.base import Work
from cytobench.pipeline.stages.fidelity import FIGURES, FidelityStage
from cytobench.pipeline.stages.fit import FitStage
from cytobench.pipeline.stages.predict import PredictStage
from cytobench.pipeline.stages.sample import ClassToSample, SampleStage
from cytobench.pipeline.stages.train import TrainStage
from cytobench.plugins import Offer
from cytobench.protocols import Fold, Protocol, draw_shots, refuse_unlisted, synthetic_path
from cytobench.protocols import split as split_dataset
from cytobench.storage.image_sets import ImageSet
from cytobench.storage.store import Store


@dataclass(frozen=True)
class Planner:
    """Builds the stages of trials. Everything that can change an outcome is in a key, and nothing else."""

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

    @cached_property
    def paths(self) -> list[Path]:
        """The files of the data set, in the table's order."""
        return [self.dataset.root / path for path in self.dataset.table["path"]]

    def fold(self, trial: Trial) -> Fold:
        """The division of images that a trial is run on."""
        return self.divide(trial.arm.n)[trial.fold]

    def predicts_synthetic(self, trial: Trial) -> bool:
        """Whether synthetic images are among those that a trial is validated or tested on."""
        made = self.fold(trial).synthetic
        return any(made.get(part) for part in ("val", "test"))

    def shots(self, trial: Trial) -> dict[str, NDArray[np.int64]]:
        """The rows each class's shots are, by label; empty for an arm without shots."""
        if not trial.arm.shots:
            return {}
        fold = self.fold(trial)
        return {label: self.fold_shots(trial.arm.shots, fold, label) for label in self.dataset.labels}

    def fold_shots(self, shots: int, fold: Fold, label: str) -> NDArray[np.int64]:
        """The rows that a class's shots are in a fold."""
        return draw_shots(self.dataset, self.protocol, fold, label, shots, self.seed, self.choice)

    def refuse_unlisted(self, trials: Sequence[Trial]) -> None:
        """Raise UserError if a file lists the shots, and none of a class that some trial tunes a generator on."""
        tuned = {(trial.fold, trial.arm.n): self.fold(trial) for trial in trials if trial.arm.shots}
        for _, fold in sorted(tuned.items(), key=lambda item: item[0]):
            refuse_unlisted(self.dataset, self.protocol, self.choice, fold, sorted(fold.counts()))

    def fits(self, trial: Trial) -> list[FitStage]:
        """The fits behind a trial's synthetic images."""
        arm = trial.arm
        if arm.generator is None:
            return []
        return self.fitting(arm.generator, arm.shots, self.fold(trial))

    def sample(self, trial: Trial) -> SampleStage | None:
        """The sampling behind a trial's synthetic images; None for N = 0."""
        arm = trial.arm
        if arm.generator is None:
            return None
        return self.sampling(arm.generator, arm.shots, self.fold(trial))

    def fitting(self, generator: ReadyGenerator, shots: int, fold: Fold) -> list[FitStage]:
        """The fits of a generator on a fold's shots: none, one for each class it takes images of, or one for all."""
        if generator.scope == "none":
            return []
        counts = fold.counts()
        labels = [label for label in self.dataset.labels if label in counts]
        return [
            self._fit(generator, shots, fold, label)
            for label in (labels if generator.scope == "class" else [""])
        ]

    def sampling(self, generator: ReadyGenerator, shots: int, fold: Fold) -> SampleStage:
        """The sampling of the images that a fold takes, from a generator tuned on its shots."""
        spec, counts = generator.offer.spec, fold.counts()
        fits = {stage.label: stage.key for stage in self.fitting(generator, shots, fold)}
        own_fold = fold.number if spec.per_fold else None
        classes = []
        for label in (label for label in self.dataset.labels if label in counts):
            prompt = self.prompts[label].generator
            fit_key = fits.get(label, fits.get(""))
            inputs = {
                "generator": generator.offer.identity,
                "revision": spec.revision,
                "sample": outcome(generator.sample_config),
                "fit": fit_key or outcome(generator.fit_config),
                **generator.needs.inputs(),
                "label": label,
                "prompt": prompt,
                "seed": self.seed,
                "dtype": self.dtype,
                "fold": own_fold,
            }
            key = content_key("images", inputs)
            images = ImageSet(self.store.folder("images", key), generator.sample_config.batch_size)
            classes.append(ClassToSample(label, prompt, images, fit_key, inputs, counts[label]))
        key = content_key("sample", {"sets": [[one.images.folder.name, one.n] for one in classes]})
        work = self._generator_work(generator, self.seed, own_fold)
        return SampleStage(key, work, tuple(classes), by_label=generator.scope == "class")

    def train(self, trial: Trial) -> TrainStage:
        """The training of a trial's classifier."""
        classifier, fold = trial.arm.classifier, self.fold(trial)
        sample = self.sample(trial)
        spec = classifier.offer.spec
        inputs = {
            "classifier": classifier.offer.identity,
            "revision": spec.revision,
            "config": outcome(classifier.config),
            **classifier.needs.inputs(),
            "labels": list(self.dataset.labels),
            "prompts": [self.prompts[label].classifier for label in self.dataset.labels],
            "train": self._contents(fold.train),
            "synthetic": _sets(sample, fold, "train"),
            "val": self._contents(self._scored(fold.val)),
            "val_synthetic": _sets(sample, fold, "val"),
            "view": [asdict(view) for view in (self.protocol.view, self._view("val", trial))],
            "recolouring": self.protocol.training_recolouring,
            "selection": self.protocol.selection,
            "seed": self._train_seed(trial),
            "dtype": self.dtype,
        }
        key = content_key("train", inputs)
        train = self._images(fold.train, "classifier", self.protocol.view, sample, fold.synthetic.get("train"))
        scored, made = self._scored(fold.val), fold.synthetic.get("val")
        val = self._images(scored, "classifier", self._view("val", trial), sample, made)
        return TrainStage(key, self._classifier_work(classifier, trial), train, val, inputs)

    def predict(self, trial: Trial) -> PredictStage:
        """The prediction of a trial's validation and test images; its key is the record's."""
        fold, train = self.fold(trial), self.train(trial)
        sample = self.sample(trial) if self.predicts_synthetic(trial) else None
        splits, paths = self._predicted(trial, fold, sample)
        tested = {"validation": "picked", "test": self.protocol.tested, EXTERNAL: self.protocol.tested}
        outside = None if self.external is None else self.external.table[["label", "digest"]].to_numpy().tolist()
        key = content_key(
            "record",
            {
                **({} if outside is None else {"external": outside}),
                "train": train.key,
                "test": self._contents(fold.test),
                "test_synthetic": _sets(sample, fold, "test"),
                "protocol": [self.protocol.name, self.protocol.version, self.protocol.switches],
                "folds": self.folds,
                "fold": trial.fold,
                "train_only": sorted(self.train_only),
            },
        )
        return PredictStage(
            key,
            self._classifier_work(trial.arm.classifier, trial),
            train.key,
            splits,
            paths,
            {split: tested[split.removesuffix("_real")] for split in splits},
            self._groups(fold, splits),
        )

    def _predicted(
        self, trial: Trial, fold: Fold, sample: SampleStage | None
    ) -> tuple[dict[str, Images], dict[str, list[str]]]:
        """The images of each split that a trial predicts, and their paths."""
        splits, paths = {}, {}
        parts: tuple[tuple[str, Literal["val", "test"], NDArray[np.int64]], ...] = (
            ("validation", "val", fold.val),
            ("test", "test", fold.test),
        )
        for split, part, rows in parts:
            made = fold.synthetic.get(part, {})
            scored, table = self._scored(rows), self.dataset.table["path"]
            splits[split] = self._images(scored, "classifier", self._view(part, trial), sample, made)
            paths[split] = list(table.iloc[scored])
            paths[split] += [synthetic_path(label, int(i)) for label in made for i in made[label]]
            if self.protocol.clean_beside:
                splits[f"{split}_real"] = self._images(rows, "classifier", self.protocol.view)
                paths[f"{split}_real"] = list(table.iloc[rows])
        if self.external is not None:
            splits[EXTERNAL] = self._external_images(self.external)
            paths[EXTERNAL] = list(self.external.table["path"])
        return splits, paths

    def fidelity(self, trial: Trial, extractor: ReadyExtractor) -> FidelityStage | None:
        """How near a trial's synthetic images are to its fold's test images; None for N = 0. Classifiers share it."""
        sample, generator = self.sample(trial), trial.arm.generator
        if sample is None or generator is None:
            return None
        seed = derive_seed(self.seed, "fidelity", trial.fold)
        tuning = self._tuning(generator, trial, seed)
        real = self._part(self.fold(trial).test)
        if isinstance(tuning, Tuning):
            real = real.without(tuning.shots.digests)  # some protocols test on shots too
        inputs = {
            **extractor.inputs(self.protocol.view),
            "figures": FIGURES,
            "real": contents(real)[0],
            "synthetic": [[one.images.folder.name, one.label, one.n] for one in sample.classes],
            **inputs_of(tuning),
            "seed": seed,
        }
        every = {one.label: np.arange(one.n) for one in sample.classes}
        return FidelityStage(
            key=content_key("fidelity", inputs),
            work=self._work(extractor.offer, (extractor.config,), seed, extractor.needs.assets, None),
            extractor=extractor,
            real=real,
            synthetic=self._images(np.array([], dtype=np.int64), "classifier", self.protocol.view, sample, every),
            sets=[(one.images, one.n) for one in sample.classes],
            tuning=tuning,
            inputs=inputs,
        )

    def _tuning(self, generator: ReadyGenerator, trial: Trial, seed: int) -> Tuning | Untested:
        """What a trial's generator was tuned on, and images of the same classes that it has not seen."""
        untested = why_untested(generator)
        if untested is not None:
            return untested
        table, shots = self.dataset.table, self.shots(trial)
        # Of the groups of the shots, and of what a list names, all images are in training: so are those like the shots.
        unlike = bool(self.seen) or bool(table["group"].notna().any())
        within = unlike and self.protocol.shots_from == "train"
        pool = self.fold(trial).training_part if within else np.arange(len(table))
        held_out = held_out_rows(table, pool, shots, seed)
        chosen = None if self.choice.recorded == RANDOM.recorded else self.choice.recorded
        return Tuning(self._part(np.concatenate([*shots.values()])), self._part(held_out), chosen)

    def _part(self, rows: NDArray[np.int64]) -> Part:
        table = self.dataset.table.iloc[rows]
        return Part(
            images=self._images(rows, "classifier", self.protocol.view),
            digests=list(table["digest"]),
            groups=list(table["group"].astype(object).where(table["group"].notna(), None)),
            names=list(table["path"]),
        )

    def _fit(self, generator: ReadyGenerator, shots: int, fold: Fold, label: str) -> FitStage:
        labels = (label,) if label else self.dataset.labels
        rows = np.concatenate([self.fold_shots(shots, fold, one) for one in labels])
        spec = generator.offer.spec
        seed = derive_seed(self.seed, "fit", label)
        inputs = {
            "generator": generator.offer.identity,
            "revision": spec.revision,
            "fit": outcome(generator.fit_config),
            **generator.fit_needs.inputs(),
            "shots": self._contents(rows),
            "prompts": [self.prompts[one].generator for one in labels],
            "seed": seed,
            "dtype": self.dtype,
        }
        images = self._images(rows, "generator", View())
        key = content_key("fit", inputs)
        return FitStage(key, self._generator_work(generator, seed, None), label, images, inputs)

    def _scored(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of a part's real images that are validated or tested as the protocol does it."""
        return rows if self.protocol.real_scored else rows[:0]

    def _view(self, part: Literal["val", "test"], trial: Trial) -> View:
        return self.protocol.evaluation_view(part, derive_seed(self.seed, "recolouring", part, trial.fold))

    def _train_seed(self, trial: Trial) -> int:
        # The same for every arm of a fold, so that arms differ by their images alone.
        return derive_seed(self.seed, "train", trial.fold)

    def _generator_work(self, generator: ReadyGenerator, seed: int, fold: int | None) -> Work:
        configs = (generator.fit_config, generator.sample_config)
        return self._work(generator.offer, configs, seed, generator.needs.assets, fold)

    def _classifier_work(self, classifier: ReadyClassifier, trial: Trial) -> Work:
        seed = self._train_seed(trial)
        return self._work(classifier.offer, (classifier.config,), seed, classifier.needs.assets, None)

    def _work(
        self,
        offer: Offer[GeneratorSpec] | Offer[ClassifierSpec] | Offer[ExtractorSpec],
        configs: tuple[PluginConfig, ...],
        seed: int,
        assets: Mapping[str, Asset],
        fold: int | None,
    ) -> Work:
        return Work(
            plugin=offer.spec.name,
            origin=f"{offer.origin} {offer.version}".strip(),
            factory=offer.spec.factory,
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
            fold=fold,
        )

    def _groups(self, fold: Fold, splits: Mapping[str, Images]) -> dict[str, list[int | None]]:
        """The number of each image's group by split, in the order of the groups' names; empty if there are none.

        Real images come first. Names stay in the data set: they may be those of patients.
        """
        names = self.dataset.table["group"]
        if names.isna().all():
            return {}
        numbers = [None if number < 0 else int(number) for number in pd.factorize(names, sort=True)[0]]
        found = {}
        for split, images in splits.items():
            if split == EXTERNAL:
                continue
            rows = fold.val if split.startswith("validation") else fold.test
            real = [numbers[row] for row in (rows if split.endswith("_real") else self._scored(rows))]
            found[split] = real + [None] * (len(images) - len(real))
        return found

    def _external_images(self, external: Dataset) -> Images:
        """All images of the outside test set, as a classifier sees clean real ones."""
        prompts = {label: self.prompts[label].classifier for label in self.dataset.labels}
        table = pd.DataFrame({"label": external.table["label"], "synthetic": False})
        table["prompt"] = table["label"].map(prompts)
        pixels = [FilePixels(external.path(row)) for row in range(len(external))]
        return Images(table, self.dataset.labels, prompts, pixels, self.protocol.view)

    def _contents(self, rows: NDArray[np.int64]) -> list[list[str]]:
        return self.dataset.table[["label", "digest"]].iloc[rows].to_numpy().tolist()

    def _images(
        self,
        rows: NDArray[np.int64],
        audience: str,
        view: View,
        sample: SampleStage | None = None,
        made: Mapping[str, NDArray[np.int64]] | None = None,
    ) -> Images:
        """Real images of these rows, then those of ``made`` from the sampling's sets; prompts for ``audience``."""
        prompts = {label: getattr(self.prompts[label], audience) for label in self.dataset.labels}
        labels = list(self.dataset.table["label"].iloc[rows])
        pixels: list[Pixels] = [FilePixels(self.paths[row]) for row in rows]
        real = len(labels)
        sets = {one.label: one.images.pixels(one.n) for one in sample.classes} if sample is not None and made else {}
        for label, indices in (made or {}).items():
            labels += [label] * len(indices)
            pixels += [sets[label][index] for index in indices]
        synthetic = np.arange(len(labels)) >= real
        table = pd.DataFrame(
            {"label": labels, "prompt": [prompts[label] for label in labels], "synthetic": synthetic}
        )
        return Images(table, self.dataset.labels, prompts, pixels, view)


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
        apart = benchmark.train_only
        seen = resolved.seen
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
    )


def _sets(sample: SampleStage | None, fold: Fold, part: str) -> list[list[Any]]:
    """What a key says of the synthetic images of a part: image set, label and indices, or their number if all."""
    if sample is None:
        return []
    sets = {one.label: one for one in sample.classes}
    found = []
    for label, indices in fold.synthetic.get(part, {}).items():
        numbers = [int(index) for index in indices]
        key, n = sets[label].images.folder.name, sets[label].n
        found.append([key, label, n if numbers == list(range(n)) else numbers])
    return found
