"""The stages: picklable units of work that an executor runs, in this process or another.

Each stage carries all it needs, writes its result into the store whole or not at all, and returns a report: seconds,
parts, images a second, peak memory, device, and what really ran.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from cytobench._keys import derive_seed
from cytobench.assets import Asset
from cytobench.context import Context
from cytobench.contract import PluginConfig, Request
from cytobench.errors import CytobenchError
from cytobench.images import Images
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.environment import device_info
from cytobench.plugins.factory import make
from cytobench.storage.image_sets import ImageSet
from cytobench.storage.records.files import GROUP
from cytobench.storage.store import Store

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


_SCRATCH = "cytobench-"
"""How the names of scratch folders begin; the number of the process follows."""


@dataclass(frozen=True)
class Services:
    """What a stage may use of the process that runs it."""

    progress: Callable[[int, int], None] = lambda done, total: None
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Work:
    """What every stage has: the plugin, its configuration, where it runs and what it may use."""

    plugin: str
    origin: str
    """The distribution that offers the plugin, and its version."""
    factory: str
    configs: tuple[PluginConfig, ...]
    seed: int
    device: str
    dtype: str
    workers: int
    labels: tuple[str, ...]
    assets: Mapping[str, Asset]
    store: Path
    selection: str = "f1_macro"
    recolouring: tuple[float, float] | None = None
    fold: int | None = None

    def make(self) -> Any:
        """The plugin's object. Imports its module, so call it outside what is timed.

        Raises as :func:`cytobench.plugins.factory.make`.
        """
        return make(self.factory, self.configs, f"{self.plugin} ({self.origin})")

    def context(self, out: Path, services: Services, watch: Stopwatch) -> Context:
        """The context the plugin gets."""
        return Context(
            seed=self.seed,
            device=self.device,
            dtype=self.dtype,
            out=out,
            workers=self.workers,
            labels=self.labels,
            selection=self.selection,  # type: ignore[arg-type]
            recolouring=self.recolouring,
            fold=self.fold,
            assets=self.assets,
            logger=logging.getLogger(f"cytobench.{self.plugin}"),
            progress=services.progress,
            stop=services.stop,
            time=watch.part,
        )


def stage_report(
    kind: str, key: str, label: str | None, work: Work, watch: Stopwatch, images: int | None
) -> dict[str, Any]:
    """What a stage says of itself; ``label`` is its class, or the extractor of a fidelity.

    ``images`` is the number of images made, predicted or extracted, for the rate; None where a rate says nothing.
    """
    busy = watch.seconds - watch.parts.get("load", 0.0)
    return {
        "kind": kind,
        "key": key,
        "label": label,
        "seconds": watch.seconds,
        "parts": watch.parts,
        "images": images,
        "images_per_second": images / busy if images and busy > 0 else None,
        "peak_memory_mib": watch.peak_memory_mib,
        "device": device_info(work.device)["name"],
        "when": watch.when,
    }


@dataclass(frozen=True)
class FitStage:
    """Tune a generator on shots; leaves the artefact in the store."""

    kind: ClassVar[str] = "fit"
    key: str
    work: Work
    label: str
    shots: Images
    inputs: Mapping[str, Any]

    def run(self, services: Services) -> dict[str, Any]:
        """Fit and keep the artefact; returns the report."""
        store, watch = Store(self.work.store), Stopwatch(self.work.device)
        generator = self.work.make()
        with store.making("fit", self.key) as out:
            with watch.stage():
                generator.fit(self.shots, self.work.context(out, services, watch))
            report = stage_report(self.kind, self.key, self.label or None, self.work, watch, None)
            store.keep("fit", self.key, out, dict(self.inputs), report)
        return report


@dataclass(frozen=True)
class ClassToSample:
    """One class's share of a sampling: its image set, its prompt, and the fit it is drawn from."""

    label: str
    prompt: str
    images: ImageSet
    fit_key: str | None
    inputs: Mapping[str, Any]
    n: int
    """How many images."""


@dataclass(frozen=True)
class SampleStage:
    """Grow the image sets of a generator, block by block."""

    kind: ClassVar[str] = "sample"
    key: str
    work: Work
    classes: tuple[ClassToSample, ...]
    by_label: bool
    """Whether artefacts are handed over by label (scope ``class``) or as one under ``""`` (``dataset``)."""

    def run(self, services: Services) -> dict[str, Any]:
        """Sample what is missing; a killed run goes on at the next block. The blocks hold the reports."""
        todo = [(one, one.images.missing(one.n)) for one in self.classes]
        total = sum(len(blocks) * one.images.block for one, blocks in todo)
        if not total:
            return {}
        opening = Stopwatch(self.work.device)
        generator = self.work.make()
        with _scratch() as scratch:
            with opening.stage():
                sampler = generator.open(
                    self._artefacts(), self.work.context(scratch, services, opening)
                )
            try:
                made = 0
                for one, blocks in todo:
                    for number in blocks:
                        self._make_block(sampler, one, number, opening)
                        opening.seconds = 0.0
                        made += one.images.block
                        services.progress(made, total)
            finally:
                sampler.close()
        return {}

    def _artefacts(self) -> dict[str, Path]:
        store = Store(self.work.store)
        return {
            one.label if self.by_label else "": store.folder("fit", one.fit_key)
            for one in self.classes
            if one.fit_key is not None
        }

    def _make_block(self, sampler: Any, one: ClassToSample, number: int, opening: Stopwatch) -> None:
        block = one.images.block
        requests = [
            Request(one.label, one.prompt, index, derive_seed(self.work.seed, "image", one.label, index))
            for index in range(number * block, (number + 1) * block)
        ]
        watch = Stopwatch(self.work.device)
        with watch.stage():
            made = list(sampler.sample(requests))
        images = _checked(self.work.plugin, requests, made)
        # Opening the generator is paid once; it is booked to the first block that was made after it.
        watch.parts = {"load": opening.seconds} if opening.seconds else {}
        watch.seconds += opening.seconds
        report = stage_report(self.kind, one.images.folder.name, one.label, self.work, watch, len(images))
        one.images.write(number, images, {**report, "ran": asdict(sampler.ran), "inputs": dict(one.inputs)})


def _checked(
    plugin: str, requests: Sequence[Request], made: Sequence[tuple[Request, NDArray[np.uint8]]]
) -> list[tuple[Request, NDArray[np.uint8]]]:
    by_request = dict(made)
    if len(made) != len(requests) or set(by_request) != set(requests):
        raise CytobenchError(f"generator {plugin} was asked for {len(requests)} images and gave {len(made)}.")
    for request, image in made:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 8:
            raise CytobenchError(
                f"generator {plugin} gave image {request.index} of {request.label} as {image.dtype} {image.shape}; "
                "it must be RGB uint8 (height, width, 3) of at least 8 px."
            )
    return [(request, by_request[request]) for request in requests]


@dataclass(frozen=True)
class TrainStage:
    """Train a classifier; leaves the picked and the last checkpoint in the store."""

    kind: ClassVar[str] = "train"
    key: str
    work: Work
    train: Images
    val: Images
    inputs: Mapping[str, Any]

    def run(self, services: Services) -> dict[str, Any]:
        """Train and keep the checkpoints; the report names them (``picked``, ``last``) and holds the curves."""
        store, watch = Store(self.work.store), Stopwatch(self.work.device)
        classifier = self.work.make()
        with store.making("train", self.key) as out:
            with watch.stage():
                found = classifier.fit(self.train, self.val, self.work.context(out, services, watch))
            report = stage_report(self.kind, self.key, None, self.work, watch, None)
            report |= {
                "picked": found.picked.relative_to(out).as_posix(),
                "last": found.last.relative_to(out).as_posix(),
                "curves": [dict(row) for row in found.curves],
            }
            store.keep("train", self.key, out, dict(self.inputs), report)
        return report


@dataclass(frozen=True)
class PredictStage:
    """Predict the evaluation splits with one checkpoint each."""

    kind: ClassVar[str] = "predict"
    key: str
    work: Work
    train_key: str
    splits: Mapping[str, Images]
    paths: Mapping[str, Sequence[str]]
    checkpoints: Mapping[str, str]
    """``picked`` or ``last``, by split."""
    groups: Mapping[str, Sequence[int | None]] = field(default_factory=dict)
    """The number of each image's group, by split; empty where the data set names none."""

    def run(self, services: Services) -> dict[str, Any]:
        """Predict; the report holds ``predictions``, a table as interface.md describes, and ``ran``."""
        entry = Store(self.work.store).find("train", self.train_key)
        if entry is None:
            raise CytobenchError(f"the checkpoint {self.train_key[:12]} is gone from {self.work.store}.")
        import pandas as pd

        watch = Stopwatch(self.work.device)
        tables: list[pd.DataFrame] = []
        classifier = self.work.make()
        with _scratch() as scratch, watch.stage():
            context = self.work.context(scratch, services, watch)
            for which in sorted(set(self.checkpoints.values())):
                with _closing(classifier.open(entry.folder / entry.report[which], context)) as predictor:
                    ran = asdict(predictor.ran)
                    for split, images in self.splits.items():
                        if self.checkpoints[split] == which:
                            probabilities = predictor.predict_proba(images)
                            tables.append(self._table(split, images, probabilities))
        table = pd.concat(tables, ignore_index=True)
        report = stage_report(self.kind, self.key, None, self.work, watch, len(table))
        return {**report, "predictions": table, "ran": ran}

    def _table(self, split: str, images: Images, probabilities: NDArray[np.float32]) -> pd.DataFrame:
        import pandas as pd

        expected = (len(images), len(images.labels))
        if probabilities.shape != expected or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
            raise CytobenchError(
                f"classifier {self.work.plugin} gave probabilities of shape {probabilities.shape}; they must be "
                f"{expected} with rows that sum to 1."
            )
        names = np.array(images.labels, dtype=object)
        table = pd.DataFrame(
            {
                "path": list(self.paths[split]),
                "split": split,
                "label": images.table["label"].to_numpy(),
                "predicted": names[probabilities.argmax(axis=1)],
                "synthetic": images.table["synthetic"].to_numpy(),
            }
        )
        columns: dict[str, Any] = {f"p_{label}": probabilities[:, i] for i, label in enumerate(images.labels)}
        if split in self.groups:
            columns[GROUP] = pd.array(list(self.groups[split]), dtype="Int64")
        return pd.concat([table, pd.DataFrame(columns)], axis=1)


class Stage(Protocol):
    """What an executor runs."""

    @property
    def kind(self) -> str:
        """What it does: ``fit``, ``sample``, ``fidelity``, ``train`` or ``predict``."""
        ...

    @property
    def work(self) -> Work:
        """The plugin that does it, and where."""
        ...

    @property
    def key(self) -> str:
        """The content address of what it makes."""
        ...

    def run(self, services: Services) -> dict[str, Any]:
        """Do the work and return the report."""
        ...


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder that disappears; its name tells the process, for one that dies leaves it behind."""
    with TemporaryDirectory(prefix=f"{_SCRATCH}{os.getpid()}-") as folder:
        yield Path(folder)


@contextmanager
def _closing(predictor: Any) -> Iterator[Any]:
    try:
        yield predictor
    finally:
        predictor.close()


def run_stage(stage: Stage, services: Services | None = None) -> dict[str, Any]:
    """Run one stage; a module-level function, so that any executor can pickle the call."""
    return stage.run(services or Services())


def sweep(stage: Stage, process: int) -> None:
    """Remove what a process that died in a stage has left half made."""
    Store(stage.work.store).sweep(process)
    for folder in Path(gettempdir()).glob(f"{_SCRATCH}{process}-*"):
        shutil.rmtree(folder, ignore_errors=True)
