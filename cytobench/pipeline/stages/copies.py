"""The stage ``copies``: all synthetic images compared with all real ones, in pixels; no extractor is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from cytobench.config.grid import ReadyGenerator
from cytobench.config.resolve import Resolved
from cytobench.decode import pixel_digest
from cytobench.metrics.copying.search import REVISION, Others, seen
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.cost import Amount, Cost
from cytobench.pipeline.plan import Planner, RealPixels
from cytobench.pipeline.planned import Piece, PlannedStage, State, recorded_generator
from cytobench.pipeline.reasons import Reasons
from cytobench.pipeline.stages.sample import PlannedSample
from cytobench.pipeline.thumbnails import thumbnails_of
from cytobench.pipeline.work import Services, Work, stage_report
from cytobench.storage.compared_sets import ComparedSet, Copy
from cytobench.storage.records import Record, StageReport
from cytobench.storage.stage_kind import StageKind

AT_ONCE = 256
"""Images searched for at a time, at least, where there are so many."""

TIMED = 256
"""Real images read at most where a comparison is timed."""


@dataclass(frozen=True)
class CopiesStage:
    """Compare the blocks of image sets with the real images; what was found lies in the store, a file a block."""

    kind: ClassVar[StageKind] = StageKind.COPIES
    key: str
    work: Work
    sets: tuple[tuple[str, ComparedSet, int], ...]
    """Class, comparison, and how many images are needed; blocks are compared whole."""
    real: RealPixels

    def run(self, services: Services) -> dict[str, Any]:
        """Compare what is missing; a killed run goes on at the next blocks. The blocks hold the reports."""
        todo = [(label, compared, number) for label, compared, n in self.sets for number in compared.missing(n)]
        total = sum(compared.images.block for _, compared, _ in todo)
        if not todo:
            return {}
        opening = Stopwatch("cpu")
        with opening.stage():
            others = Others(thumbnails_of(self.real.digests, self.real.pixels, services.progress))
        known = {digest: row for row, digest in enumerate(self.real.digests)}
        done, load = 0, opening.seconds
        for blocks in _portions(todo):
            watch = Stopwatch("cpu")
            with watch.stage():
                copies_by_block = _compare(blocks, others, known, self.real.digests)
            size = sum(compared.images.block for _, compared, _ in blocks)
            for (label, compared, number), copies in zip(blocks, copies_by_block, strict=True):
                share = Stopwatch("cpu")
                share.seconds, share.when = watch.seconds * compared.images.block / size + load, watch.when
                # Reading the real images is paid once; it is booked to the first block that was compared after it.
                share.parts = {"load": load} if load else {}
                load = 0.0
                key, block = compared.folder.name, compared.images.block
                compared.write(number, copies, stage_report(self.kind, key, label, self.work, share, block))
            done += size
            services.progress(done, total)
        return {}


Block = tuple[str, ComparedSet, int]
"""Class, comparison and number of a block."""


def _portions(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """The blocks in their order, as many at a time as hold ``AT_ONCE`` images."""
    portion: list[Block] = []
    for block in blocks:
        portion.append(block)
        if sum(compared.images.block for _, compared, _ in portion) >= AT_ONCE:
            yield portion
            portion = []
    if portion:
        yield portion


def _compare(
    blocks: Sequence[Block], others: Others, known: dict[str, int], digests: Sequence[str]
) -> list[list[Copy]]:
    """What was found in each block: of every image the real one that it equals, else the one that it nearly equals."""
    views, equal = [], []
    for _, compared, number in blocks:
        images = compared.images
        for pixels in images.pixels((number + 1) * images.block)[number * images.block :]:
            image = pixels.read()
            views.append(seen(image))
            equal.append(known.get(pixel_digest(image)))
    matches = others.search(np.stack(views))
    copies_by_block: list[list[Copy]] = []
    place = 0
    for _, compared, number in blocks:
        copies = []
        for index in range(number * compared.images.block, (number + 1) * compared.images.block):
            same, match = equal[place], matches[place]
            place += 1
            if same is not None:
                copies.append(Copy(index, digests[same], 0.0, equal=True))
            elif match is not None:
                copies.append(Copy(index, digests[match.other], round(match.difference, 4), equal=False))
        copies_by_block.append(copies)
    return copies_by_block


@dataclass(frozen=True, eq=False)
class PlannedCopies(PlannedStage):
    """The comparison of what a sampling makes with all real images. Trials with the same images share it."""

    kind: ClassVar[StageKind] = StageKind.COPIES
    owner: ClassVar[str] = "generator"
    planner: Planner
    sample: PlannedSample
    title: str

    @property
    def ready(self) -> ReadyGenerator:  # type: ignore[override]
        """The generator whose images they are."""
        return self.sample.ready

    @property
    def needs(self) -> tuple[PlannedStage, ...]:
        return (self.sample,)

    @cached_property
    def sets(self) -> tuple[tuple[str, ComparedSet, int], ...]:
        """Each class's comparison, and how many of its images are needed."""
        return tuple(
            (share.label, self.planner.compared_set(share.images, REVISION), share.n) for share in self.sample.classes
        )

    def inputs(self) -> dict[str, Any]:
        return {"sets": [[compared.folder.name, len(compared.images.blocks(n))] for _, compared, n in self.sets]}

    @property
    def amount(self) -> Amount:
        return self.sample.amount

    @property
    def state(self) -> State:
        """Present where every block was compared."""
        missing = any(compared.missing(n) for _, compared, n in self.sets)
        return State.MISSING if missing else State.PRESENT

    def pieces(self, reasons: Reasons) -> Iterator[Piece]:
        """The blocks of all classes."""
        for _, compared, n in self.sets:
            missing = set(compared.missing(n))
            for number in compared.images.blocks(n):
                there = number not in missing
                amount = Amount(images=compared.images.block)
                yield Piece(f"{compared.folder.name}/{number}", there, 0, amount, "" if there else "not compared yet")

    @property
    def makes(self) -> tuple[str, ...]:
        """The comparisons that lack blocks."""
        return tuple(compared.folder.name for _, compared, n in self.sets if compared.missing(n))

    @classmethod
    def recorded(cls, resolved: Resolved, record: Record, report: StageReport) -> tuple[str, Amount] | None:
        ready, used = recorded_generator(resolved, record)
        return None if ready is None or used is None else (used.name, Amount(images=report.images or 0))

    def build(self) -> CopiesStage:
        ready = self.sample.ready
        work = self.planner.work(ready, (ready.fit_config, ready.sample_config), self.planner.seed, {})
        return CopiesStage(self.key, work, self.sets, self.planner.real)


def plan_copies(sample: PlannedSample) -> PlannedCopies:
    """The comparison of what a sampling makes with all real images of the run."""
    return PlannedCopies(sample.planner, sample, f"compare images of {sample.title.removeprefix('sample ')}")


def time_copies(planned: PlannedCopies) -> Cost:
    """Time the reading of some real images, and the comparison of a block of them with these."""
    real = planned.planner.real
    rows = [i * len(real.digests) // min(TIMED, len(real.digests)) for i in range(min(TIMED, len(real.digests)))]
    reading, comparing = Stopwatch("cpu"), Stopwatch("cpu")
    with reading.stage():
        views = np.stack([seen(real.pixels[row].read()) for row in rows])
    others = Others(np.resize(views[:, 0], (len(real.digests), *views.shape[2:])))
    with comparing.stage():
        others.search(views)
    each = reading.seconds / len(rows)
    return Cost(once=each * len(real.digests), image=each + comparing.seconds / len(rows), stage_bytes=0)
