"""The stage ``train``: a classifier trained on real and synthetic images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cytobench.images import Images
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.stages.base import Services, Work, stage_report
from cytobench.storage.store import Store


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
