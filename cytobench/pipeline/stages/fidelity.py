"""The stage ``fidelity`` of a run: a fold's test images against the images sampled for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from cytobench.config.grid import ReadyExtractor
from cytobench.images import Images
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.fidelity.copies import Tuning, Untested
from cytobench.pipeline.fidelity.part import Part
from cytobench.pipeline.stages.base import Services, Work, stage_report
from cytobench.protocols import synthetic_path
from cytobench.storage.image_sets import ImageSet
from cytobench.storage.store import Store

FIGURES = 1
"""Raised when figures are computed otherwise; part of every key."""

RESULT = "fidelity.json"
PAIRS = "pairs.png"
"""The closest pairs of synthetic images and shots, beside the result where copies were tested for."""


@dataclass(frozen=True)
class FidelityStage:
    """Measure a generator's images against real ones; leaves the figures in the store, and the features beside them."""

    kind: ClassVar[str] = "fidelity"
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

    @property
    def passes(self) -> int:
        """Images that go through the extractor where none is known yet, turned ones included."""
        turned = 0
        if isinstance(self.tuning, Tuning):
            turned = 8 * (len(self.tuning.shots) + len(self.tuning.held_out)) + 7 * len(self.synthetic)
        return len(self.real) + len(self.synthetic) + turned

    @property
    def kept(self) -> int:
        """Features that it leaves where none is known yet: of images, and their means over turned ones."""
        seen = len(self.tuning.shots) + len(self.tuning.held_out) if isinstance(self.tuning, Tuning) else 0
        return len(self.real) + len(self.synthetic) + (2 * seen + len(self.synthetic) if seen else 0)

    def run(self, services: Services) -> dict[str, Any]:
        """Extract what is not known yet, measure and keep; returns the report."""
        from cytobench.pipeline.fidelity.compare import compare
        from cytobench.pipeline.fidelity.extract import reading

        self.work.make()  # imports its module, which is not timed
        store, watch = Store(self.work.store), Stopwatch(self.work.device)
        folder, device, made = store.root / "features", self.work.device, self.made()
        with watch.stage(), reading(self.extractor, folder, device, services.progress, watch.part) as reader:
            found = compare(reader, self.real, made, self.work.labels, self.work.seed, self.tuning)
            used = reader.used(self.real.images.view)
        report = stage_report(self.kind, self.key, self.extractor.name, self.work, watch, reader.extracted)
        result = {
            "dimension": used.dimension,
            "ran": asdict(used.ran),
            "seed": self.work.seed,
            "total": asdict(found.total),
            "classes": {label: asdict(one) for label, one in found.classes.items()},
        }
        with store.making("fidelity", self.key) as out:
            (out / RESULT).write_text(json.dumps(result, indent=1, allow_nan=False), encoding="utf-8")
            if found.copies is not None:
                found.copies.draw(out / PAIRS)
            store.keep("fidelity", self.key, out, dict(self.inputs), report)
        return report

    def made(self) -> Part:
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
    entry = store.find("fidelity", key)
    if entry is None:
        return None
    figures: dict[str, Any] = json.loads((entry.folder / RESULT).read_text(encoding="utf-8"))
    return figures, entry.report
