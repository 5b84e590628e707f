"""The stage ``fidelity`` of a run: a fold's test images against the images sampled for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from cytobench._keys import derive_seed
from cytobench.config.grid import ReadyExtractor, ReadyGenerator, Trial
from cytobench.config.options import plain_settings
from cytobench.config.resolve import Resolved
from cytobench.data.choice import RANDOM
from cytobench.images import Images
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.cost import Amount, Cost, spread
from cytobench.pipeline.fidelity.copies import Tuning, Untested
from cytobench.pipeline.fidelity.extract import reading
from cytobench.pipeline.fidelity.part import Part
from cytobench.pipeline.fidelity.tuning import held_out_rows, why_untested
from cytobench.pipeline.plan import Planner, Rows
from cytobench.pipeline.planned import PlannedStage, folder_size, same_settings
from cytobench.pipeline.stages.sample import PlannedSample
from cytobench.pipeline.work import Services, Work, stage_report
from cytobench.plugins.factory import load
from cytobench.protocols import synthetic_path
from cytobench.storage.image_sets import ImageSet
from cytobench.storage.records import Record, StageReport
from cytobench.storage.stage_kind import StageKind
from cytobench.storage.store import Store

FIGURES = 1
"""Raised when figures are computed otherwise; part of every key."""

TIMED = 256
"""Images extracted at most where an extraction is timed."""

RESULT = "fidelity.json"
PAIRS = "pairs.png"
"""The closest pairs of synthetic images and shots, beside the result where copies were tested for."""


@dataclass(frozen=True)
class FidelityStage:
    """Measure a generator's images against real ones; leaves the figures in the store, and the features beside them."""

    kind: ClassVar[StageKind] = StageKind.FIDELITY
    key: str
    work: Work
    extractor: ReadyExtractor
    real: Part
    synthetic: Images
    sets: Sequence[tuple[ImageSet, int]]
    """The image set of each class, and how many of its first images ``synthetic`` has, in this order."""
    tuning: Tuning | Untested
    """What the generator was tuned on, or why copies are not tested for."""
    inputs: Mapping[str, Any]

    def run(self, services: Services) -> dict[str, Any]:
        """Extract what is not known yet, measure and keep; returns the report."""
        from cytobench.pipeline.fidelity.compare import compare

        self.work.make()  # imports its module, which is not timed
        store, watch = Store(self.work.store), Stopwatch(self.work.device)
        folder, device, synthetic = store.root / "features", self.work.device, self.synthetic_part()
        with watch.stage(), reading(self.extractor, folder, device, services.progress, watch.part) as reader:
            comparison = compare(reader, self.real, synthetic, self.work.labels, self.work.seed, self.tuning)
            used = reader.used(self.real.images.view)
        self.work.refuse_changes()
        report = stage_report(self.kind, self.key, self.extractor.name, self.work, watch, reader.extracted)
        result = {
            "dimension": used.dimension,
            "ran": asdict(used.ran),
            "seed": self.work.seed,
            "total": asdict(comparison.total),
            "classes": {label: asdict(figures) for label, figures in comparison.classes.items()},
        }
        with store.making(self.kind, self.key) as out:
            (out / RESULT).write_text(json.dumps(result, indent=1, allow_nan=False), encoding="utf-8")
            if comparison.copies is not None:
                comparison.copies.draw(out / PAIRS)
            store.keep(self.kind, self.key, out, dict(self.inputs), report)
        return report

    def synthetic_part(self) -> Part:
        """The synthetic images; their digests are known once they are sampled."""
        labels = list(self.synthetic.table["label"])
        numbers = [i for _, n in self.sets for i in range(n)]
        names = [synthetic_path(label, i) for label, i in zip(labels, numbers, strict=True)]
        return Part(
            images=self.synthetic,
            digests=[digest for images, n in self.sets for digest in images.digests(n)],
            groups=[None] * len(labels),
            names=names,
        )


def kept_figures(store: Store, key: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The figures and the report that a stage of this key left; None if it is absent or damaged."""
    entry = store.find(StageKind.FIDELITY, key)
    if entry is None:
        return None
    figures: dict[str, Any] = json.loads((entry.folder / RESULT).read_text(encoding="utf-8"))
    return figures, entry.report


@dataclass(frozen=True)
class TuningRows:
    """The rows that a generator was tuned on, and rows of the same classes that it has not seen."""

    shots: Rows
    held_out: Rows
    chosen: str | None
    """As of :class:`~cytobench.pipeline.fidelity.copies.Tuning`."""


@dataclass(frozen=True, eq=False)
class PlannedFidelity(PlannedStage):
    """How near a trial's synthetic images are to its fold's test images. Classifiers share it."""

    kind: ClassVar[StageKind] = StageKind.FIDELITY
    owner: ClassVar[str] = "extractor"
    planner: Planner
    ready: ReadyExtractor
    sample: PlannedSample
    real: Rows
    tuning: TuningRows | Untested
    seed: int
    title: str

    @property
    def label(self) -> str | None:
        return self.ready.name

    @property
    def needs(self) -> tuple[PlannedStage, ...]:
        return (self.sample,)

    def inputs(self) -> dict[str, Any]:
        planner = self.planner
        [real] = self._contents(self.real)
        return {
            **self.ready.inputs(planner.protocol.view),
            "figures": FIGURES,
            "real": real,
            "synthetic": [[share.images.folder.name, share.label, share.n] for share in self.sample.classes],
            **self._tuning_inputs(),
            "seed": self.seed,
        }

    def _tuning_inputs(self) -> dict[str, Any]:
        if isinstance(self.tuning, Untested):
            return {"untested": self.tuning.reason}
        shots, held_out = self._contents(self.tuning.shots, self.tuning.held_out)
        return {"shots": shots, "held_out": held_out, "chosen": self.tuning.chosen}

    def _contents(self, *parts: Rows) -> list[list[list[Any]]]:
        """What a content address says of images: class, pixel digest and group of each.

        Groups are numbers in the order in which they come: which images belong together, without a name.
        """
        table = self.planner.dataset.table
        numbers: dict[str, int] = {}
        return [
            [
                [label, digest, numbers.setdefault(group, len(numbers)) if isinstance(group, str) else None]
                for label, digest, group in table[["label", "digest", "group"]].iloc[rows].itertuples(index=False)
            ]
            for rows in parts
        ]

    @property
    def amount(self) -> Amount:
        """Images that go through the extractor where none is known yet, turned ones included."""
        synthetic = sum(self.sample.counts.values())
        turned = 0 if isinstance(self.tuning, Untested) else 8 * self._seen + 7 * synthetic
        return Amount(images=len(self.real) + synthetic + turned)

    @property
    def kept(self) -> int:
        """Features that it leaves where none is known yet: of images, and their means over turned ones."""
        synthetic = sum(self.sample.counts.values())
        return len(self.real) + synthetic + (2 * self._seen + synthetic if self._seen else 0)

    def _tuning_parts(self) -> Tuning | Untested:
        rows = self.tuning
        if isinstance(rows, Untested):
            return rows
        return Tuning(self.planner.part(rows.shots), self.planner.part(rows.held_out), rows.chosen)

    @property
    def _seen(self) -> int:
        return 0 if isinstance(self.tuning, Untested) else len(self.tuning.shots) + len(self.tuning.held_out)

    @classmethod
    def size_of_another(cls, there: int, size: int) -> float | None:
        return None  # features lie beside what it leaves

    @classmethod
    def recorded(cls, resolved: Resolved, record: Record, report: StageReport) -> tuple[str, Amount] | None:
        used = next((fidelity.extractor for fidelity in record.fidelity if fidelity.key == report.key), None)
        ready = next((ready for ready in resolved.extractors if used and ready.name == used.name), None)
        if used is None or ready is None or not same_settings(plain_settings(ready.config), used.config):
            return None
        return used.name, Amount(images=report.images or 0)

    def build(self) -> FidelityStage:
        planner, images = self.planner, self.sample.images
        every = {label: np.arange(n) for label, (_, n) in images.items()}
        return FidelityStage(
            key=self.key,
            work=planner.work(self.ready, (self.ready.config,), self.seed, self.ready.needs.assets),
            extractor=self.ready,
            real=planner.part(self.real),
            synthetic=planner.images(self.real[:0], "classifier", planner.protocol.view, images, every),
            sets=list(images.values()),
            tuning=self._tuning_parts(),
            inputs=self.plain_inputs(),
        )


def plan_fidelity(
    planner: Planner, trial: Trial, sample: PlannedSample, tuning: TuningRows | Untested, extractor: ReadyExtractor
) -> PlannedFidelity:
    """The fidelity of what ``sample`` makes to a trial's test images, by one extractor."""
    seed = derive_seed(planner.seed, StageKind.FIDELITY, trial.fold)
    real = planner.fold(trial).test
    if isinstance(tuning, TuningRows):
        digests = planner.dataset.table["digest"]
        # Some protocols test on shots too.
        real = real[~digests.iloc[real].isin(digests.iloc[tuning.shots]).to_numpy()]
    images = f"{sample.ready.name} s{trial.arm.shots} n{trial.arm.n}"
    title = f"fidelity {extractor.name} {images} {planner.place(trial.fold)}"
    return PlannedFidelity(planner, extractor, sample, real, tuning, seed, title)


def plan_tuning(planner: Planner, generator: ReadyGenerator, trial: Trial) -> TuningRows | Untested:
    """What a trial's generator was tuned on, and images of the same classes that it has not seen."""
    untested = why_untested(generator)
    if untested is not None:
        return untested
    table, shots = planner.dataset.table, planner.shots(trial)
    # Of the groups of the shots, and of what a list names, all images are in training: so are those like the shots.
    unlike = bool(planner.seen) or bool(table["group"].notna().any())
    within = unlike and planner.protocol.shots_from == "train"
    pool = planner.fold(trial).training_part if within else np.arange(len(table))
    held_out = held_out_rows(table, pool, shots, derive_seed(planner.seed, StageKind.FIDELITY, trial.fold))
    chosen = None if planner.choice.recorded == RANDOM.recorded else planner.choice.recorded
    return TuningRows(np.concatenate([*shots.values()]), held_out, chosen)



def time_fidelity(planned: PlannedFidelity, folder: Path) -> Cost:
    """Time an extraction in a folder of its own; the figures themselves take seconds and are not counted."""
    real, ready = planned.planner.part(planned.real), planned.ready
    rows, watch = spread(range(len(real)), TIMED), Stopwatch(planned.planner.device)
    load(ready.offer.spec.factory)
    with reading(ready, folder, planned.planner.device, time=watch.part) as reader:
        with watch.stage():
            part = real.take(rows)
            reader.features(part.images, part.digests)
        once = watch.parts.get("load", 0.0)
        size = folder_size(folder) / reader.extracted
        return Cost(once=once, image=(watch.seconds - once) / reader.extracted, stage_bytes=size * planned.kept)
