"""The stage ``fidelity`` of a run: a fold's test images against the images sampled for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cytobench.fidelity.extract import ReadyExtractor
from cytobench.images import Images
from cytobench.imagesets import ImageSet
from cytobench.lazy import load
from cytobench.stages import Services, Work, stage_report
from cytobench.store import Store
from cytobench.timing import Stopwatch

FIGURES = 1
"""Raised when figures are computed otherwise; part of every key."""

RESULT = "fidelity.json"


@dataclass(frozen=True)
class FidelityStage:
    """Measure a generator's images against real ones; leaves the figures in the store, and the features beside them."""

    key: str
    work: Work
    extractor: ReadyExtractor
    real: Images
    real_digests: Sequence[str]
    real_groups: Sequence[str | None]
    synthetic: Images
    sets: Sequence[ImageSet]
    """The image set of each class; ``synthetic`` are the first ``n`` images of each, in this order."""
    n: int
    inputs: Mapping[str, Any]

    def run(self, services: Services) -> dict[str, Any]:
        """Extract what is not known yet, measure and keep; returns the report."""
        from cytobench.fidelity.compare import ALL, compare
        from cytobench.fidelity.extract import reading
        from cytobench.fidelity.features import FeatureSet

        load(self.extractor.offer.spec.factory)  # imports its module, which is not timed
        store, watch = Store(self.work.store), Stopwatch(self.work.device)
        made_digests = [digest for one in self.sets for digest in one.digests(self.n)]
        folder, device = store.root / "features", self.work.device
        with watch.stage(), reading(self.extractor, folder, device, services.progress, watch.part) as reader:
            real = reader.features(self.real, self.real_digests)
            made = reader.features(self.synthetic, made_digests)
            used = reader.used(self.real.view)
            found = compare(
                FeatureSet(real, list(self.real.table["label"]), self.real_groups),
                FeatureSet(made, list(self.synthetic.table["label"]), [None] * len(made)),
                self.work.labels,
                self.work.seed,
            )
        report = stage_report("fidelity", self.key, self.extractor.name, self.work, watch, reader.extracted)
        figures = {label: asdict(one) for label, one in found.items()}
        result = {
            "dimension": used.dimension,
            "ran": asdict(used.ran),
            "seed": self.work.seed,
            "total": figures.pop(ALL),
            "classes": figures,
        }
        with store.making("fidelity", self.key) as out:
            (out / RESULT).write_text(json.dumps(result, indent=1, allow_nan=False), encoding="utf-8")
            store.keep("fidelity", self.key, out, dict(self.inputs), report)
        return report


def kept_figures(store: Store, key: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The figures and the report that a stage of this key left; None if it is absent or damaged."""
    entry = store.find("fidelity", key)
    if entry is None:
        return None
    figures: dict[str, Any] = json.loads((entry.folder / RESULT).read_text(encoding="utf-8"))
    return figures, entry.report
