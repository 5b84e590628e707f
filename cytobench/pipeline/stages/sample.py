"""The stage ``sample``: the image sets of a generator grown, block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cytobench._keys import derive_seed
from cytobench.contract import Request
from cytobench.errors import CytobenchError
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.stages.base import Services, Work, scratch, stage_report
from cytobench.storage.image_sets import ImageSet
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
        with scratch() as folder:
            with opening.stage():
                sampler = generator.open(
                    self._artefacts(), self.work.context(folder, services, opening)
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
