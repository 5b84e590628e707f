"""The stage ``fit``: a generator tuned on shots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cytobench.images import Images
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.stages.base import Services, Work, stage_report
from cytobench.storage.store import Store


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
