"""The stage ``sample``: the image sets of a generator grown, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cytobench._keys import content_key, derive_seed
from cytobench.config.grid import ReadyGenerator
from cytobench.config.options import outcome, plain_settings
from cytobench.config.resolve import Resolved
from cytobench.contract import Request
from cytobench.errors import CytobenchError
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.cost import Amount, Cost
from cytobench.pipeline.plan import Planner, SyntheticImages
from cytobench.pipeline.planned import Piece, PlannedStage, State, recorded_generator, same_settings
from cytobench.pipeline.reasons import Reasons
from cytobench.pipeline.stages.fit import PlannedFit, plan_fits
from cytobench.pipeline.work import Services, Work, run_stage, scratch, stage_report
from cytobench.protocols import Fold
from cytobench.storage.image_sets import IMAGES, ImageSet
from cytobench.storage.records import Record, StageReport
from cytobench.storage.stage_kind import StageKind
from cytobench.storage.store import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray


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

    kind: ClassVar[StageKind] = StageKind.SAMPLE
    key: str
    work: Work
    classes: tuple[ClassToSample, ...]
    by_label: bool
    """Whether artefacts are handed over by label (scope ``class``) or as one under ``""`` (``dataset``)."""

    def run(self, services: Services) -> dict[str, Any]:
        """Sample what is missing; a killed run goes on at the next block. The blocks hold the reports."""
        todo = [(share, share.images.missing(share.n)) for share in self.classes]
        total = sum(len(blocks) * share.images.block for share, blocks in todo)
        if not total:
            return {}
        opening = Stopwatch(self.work.device)
        generator = self.work.make()
        with scratch() as folder:
            with opening.stage():
                sampler = generator.open(self._artefacts(), self.work.context(folder, services, opening))
            try:
                self.work.refuse_changes()
                done = 0
                for share, blocks in todo:
                    for number in blocks:
                        self._make_block(sampler, share, number, opening)
                        opening.seconds = 0.0
                        done += share.images.block
                        services.progress(done, total)
            finally:
                sampler.close()
        return {}

    def _artefacts(self) -> dict[str, Path]:
        """The folder of each fit, its files checked. Raises CytobenchError where one is gone or damaged."""
        store, artefacts = Store(self.work.store), {}
        for share in self.classes:
            if share.fit_key is None:
                continue
            entry = store.find(StageKind.FIT, share.fit_key)
            if entry is None:
                raise CytobenchError(f"the fit {share.fit_key[:12]} is gone from {store.root}, or damaged.")
            artefacts[share.label if self.by_label else ""] = entry.folder
        return artefacts

    def _make_block(self, sampler: Any, share: ClassToSample, number: int, opening: Stopwatch) -> None:
        block = share.images.block
        requests = [
            Request(share.label, share.prompt, index, derive_seed(self.work.seed, "image", share.label, index))
            for index in range(number * block, (number + 1) * block)
        ]
        watch = Stopwatch(self.work.device)
        with watch.stage():
            pairs = list(sampler.sample(requests))
        images = _checked(self.work.plugin, requests, pairs)
        # Opening the generator is paid once; it is booked to the first block that was made after it.
        watch.parts = {"load": opening.seconds} if opening.seconds else {}
        watch.seconds += opening.seconds
        report = stage_report(self.kind, share.images.folder.name, share.label, self.work, watch, len(images))
        share.images.write(number, images, {**report, "ran": asdict(sampler.ran), "inputs": dict(share.inputs)})


def _checked(
    plugin: str, requests: Sequence[Request], pairs: Sequence[tuple[Request, NDArray[np.uint8]]]
) -> list[tuple[Request, NDArray[np.uint8]]]:
    by_request = dict(pairs)
    if len(pairs) != len(requests) or set(by_request) != set(requests):
        raise CytobenchError(f"generator {plugin} was asked for {len(requests)} images and gave {len(pairs)}.")
    for request, image in pairs:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 8:
            raise CytobenchError(
                f"generator {plugin} gave image {request.index} of {request.label} as {image.dtype} {image.shape}; "
                "it must be RGB uint8 (height, width, 3) of at least 8 px."
            )
    return [(request, by_request[request]) for request in requests]


@dataclass(frozen=True, eq=False)
class PlannedSample(PlannedStage):
    """The sampling of the images that a fold takes of each class."""

    kind: ClassVar[StageKind] = StageKind.SAMPLE
    owner: ClassVar[str] = "generator"
    planner: Planner
    ready: ReadyGenerator
    fits: tuple[PlannedFit, ...]
    counts: Mapping[str, int]
    """Images by class, in the order of labels."""
    fold: int
    title: str

    @property
    def needs(self) -> tuple[PlannedStage, ...]:
        return self.fits

    @cached_property
    def classes(self) -> tuple[ClassToSample, ...]:
        """Each class's image set, with all that decides its images."""
        planner, ready = self.planner, self.ready
        fit_keys = {fit.fitted_label: fit.key for fit in self.fits}
        shares = []
        for label, count in self.counts.items():
            prompt = planner.prompts[label].generator
            fit_key = fit_keys.get(label, fit_keys.get(""))
            inputs = {
                "generator": ready.offer.identity,
                **ready.offer.state,
                "sample": outcome(ready.sample_config),
                "fit": fit_key or outcome(ready.fit_config),
                **ready.needs.inputs(),
                "label": label,
                "prompt": prompt,
                "seed": planner.seed,
                "dtype": planner.dtype,
                "fold": self._own_fold,
            }
            images = planner.image_set(content_key(IMAGES, inputs), ready.sample_config.batch_size)
            shares.append(ClassToSample(label, prompt, images, fit_key, inputs, count))
        return tuple(shares)

    @cached_property
    def images(self) -> SyntheticImages:
        """The image set of each class, and how many of its images there are."""
        return {share.label: (share.images, share.n) for share in self.classes}

    def inputs(self) -> dict[str, Any]:
        return {"sets": [[share.images.folder.name, share.n] for share in self.classes]}

    @property
    def amount(self) -> Amount:
        return Amount(images=sum(len(share.images.blocks(share.n)) * share.images.block for share in self.classes))

    @property
    def state(self) -> State:
        """Present where every block is; blocks are checked once a run."""
        return State.MISSING if any(share.images.missing(share.n) for share in self.classes) else State.PRESENT

    def pieces(self, reasons: Reasons) -> Iterator[Piece]:
        """The blocks of all classes; a larger set of the same images holds the smaller one."""
        for share in self.classes:
            images = share.images
            for number in images.blocks(share.n):
                name, amount = f"{images.folder.name}/{number}", Amount(images=images.block)
                if images.report(number) is not None:
                    yield Piece(name, True, images.shard(number).stat().st_size, amount, "")
                else:
                    reason = reasons.of_block(images, number, self.owner, share.label, share.inputs)
                    yield Piece(name, False, 0, amount, reason)

    @property
    def makes(self) -> tuple[str, ...]:
        """The image sets that lack images."""
        return tuple(share.images.folder.name for share in self.classes if share.images.missing(share.n))

    @classmethod
    def recorded(cls, resolved: Resolved, record: Record, report: StageReport) -> tuple[str, Amount] | None:
        ready, used = recorded_generator(resolved, record)
        if ready is None or used is None or not same_settings(plain_settings(ready.sample_config), used.sample_config):
            return None
        return used.name, Amount(images=report.images or 0)

    def build(self) -> SampleStage:
        planner, ready = self.planner, self.ready
        configs = (ready.fit_config, ready.sample_config)
        work = planner.work(ready, configs, planner.seed, ready.needs.assets, self._own_fold)
        return SampleStage(self.key, work, self.classes, by_label=ready.scope == "class")

    @property
    def _own_fold(self) -> int | None:
        return self.fold if self.ready.offer.spec.per_fold else None


def plan_sample(planner: Planner, generator: ReadyGenerator, shots: int, fold: Fold, n: int) -> PlannedSample:
    """The sampling of the images that a fold takes from a generator tuned on its shots; ``n`` is for the title."""
    counts = fold.counts()
    return PlannedSample(
        planner=planner,
        ready=generator,
        fits=plan_fits(planner, generator, shots, fold),
        counts={label: counts[label] for label in planner.dataset.labels if label in counts},
        fold=fold.number,
        title=f"sample {generator.name} n{n} {planner.place(fold.number)}",
    )



def time_sample(planned: PlannedSample, folder: Path, fit_keys: Mapping[str, str]) -> Cost:
    """Time a block of each of two classes in a store of its own, which holds fits under ``fit_keys`` by label."""
    stage = planned.build()
    n = stage.classes[0].images.block
    classes = [
        replace(
            share,
            images=ImageSet(folder / IMAGES / str(number), n),
            fit_key=fit_keys.get(share.label, fit_keys.get("")),
            n=n,
        )
        for number, share in enumerate(stage.classes[:2])
    ]
    run_stage(replace(stage, classes=tuple(classes), work=replace(stage.work, store=folder)))
    reports = [share.images.report(0) or {} for share in classes]
    load = sum(report["parts"].get("load", 0.0) for report in reports)
    busy = sum(report["seconds"] for report in reports) - load
    size = sum(file.stat().st_size for share in classes for file in share.images.folder.iterdir()) / len(classes)
    return Cost(once=load, image=busy / (n * len(classes)), stage_bytes=size)
