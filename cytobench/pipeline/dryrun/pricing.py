"""What stages cost on a device: seconds and bytes, from the records of earlier runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Any

from cytobench.config.options import plain_settings
from cytobench.config.resolve import Resolved
from cytobench.contract import PluginConfig
from cytobench.errors import UserError
from cytobench.storage.records import Record, StageReport, read_records

Kind = tuple[str, str]
"""The kind of a stage, and the plugin's name in tables."""


@dataclass(frozen=True)
class Cost:
    """Seconds of the stages of one kind and plugin on one device, by what they are made of."""

    once: float = 0.0
    """Paid once a process, for example to load a pipeline that later stages find loaded."""
    stage: float = 0.0
    step: float = 0.0
    """An optimiser step."""
    image: float = 0.0
    """An image made or predicted."""
    validated: float = 0.0
    """An image validated, in every epoch again."""
    stage_bytes: float | None = None
    """What a stage, or block of images, leaves in the store; None if unknown."""

    def seconds(self, stages: int, steps: int, images: int, validated: int) -> float:
        """What so many stages take with all that is in them; nothing if there is none."""
        if not stages:
            return 0.0
        parts = (stages * self.stage, steps * self.step, images * self.image, validated * self.validated)
        return self.once + fsum(parts)


def recorded_costs(resolved: Resolved, out: Path, device: str) -> dict[Kind, Cost]:
    """Costs by the records in ``out`` and the results folders beside it: of this device and these settings alone.

    A record tells a stage's whole time, so that it is divided by its steps, else its images, else counted whole.
    """
    spent: dict[Kind, dict[tuple[str, str | None], tuple[float, int, int]]] = {}
    for record in _records_near(out):
        for stage in record.stages:
            amount = _amount(resolved, record, stage) if stage.device == device else None
            if amount is not None:
                kind, steps, images = amount
                spent.setdefault(kind, {})[stage.key, stage.label] = (stage.seconds, steps, images)
    costs = {}
    for kind, stages in spent.items():
        seconds = fsum(time for time, _, _ in stages.values())
        steps = sum(steps for _, steps, _ in stages.values())
        images = sum(images for _, _, images in stages.values())
        if steps:
            costs[kind] = Cost(step=seconds / steps)
        elif images:
            costs[kind] = Cost(image=seconds / images)
        else:
            costs[kind] = Cost(stage=seconds / len(stages))
    return costs


def _records_near(out: Path) -> list[Record]:
    found: list[Record] = []
    for folder in sorted(out.parent.glob("*")) if out.parent.is_dir() else ():
        if (folder / "records").is_dir():
            try:
                found += read_records([folder])
            except UserError:  # someone else's folder, or a damaged record: it only serves the estimate
                continue
    return found


def _amount(resolved: Resolved, record: Record, stage: StageReport) -> tuple[Kind, int, int] | None:
    """Kind, steps and images of a recorded stage; None if this run has no such plugin or has other settings."""
    if stage.kind in ("fit", "sample"):
        used = record.generator
        generator = next((ready for ready in resolved.generators if used and ready.name == used.name), None)
        if used is None or generator is None:
            return None
        if stage.kind == "sample":
            same = _same(generator.sample_config, used.sample_config)
            return ((stage.kind, used.name), 0, stage.images or 0) if same else None
        shots = record.shots_used.get(stage.label or "", sum(record.shots_used.values()))
        same = _same(generator.fit_config, used.fit_config)
        tuned = 1 if stage.label else len(record.shots_used)
        steps = generator.fit_config.optimizer_steps(shots, tuned) if same else None
        return ((stage.kind, used.name), steps or 0, 0) if same else None
    if stage.kind == "fidelity":
        return _amount_of_fidelity(resolved, record, stage)
    name, recorded = record.classifier.name, record.classifier.config
    classifier = next((ready for ready in resolved.classifiers if ready.name == name), None)
    if classifier is None or not _same(classifier.config, recorded):
        return None
    if stage.kind == "predict":
        return (stage.kind, name), 0, stage.images or 0
    real = record.splits["train"].values()
    made = record.n_synthetic
    if record.protocol.switches.get("pooled"):
        made = made * (record.protocol.folds - 2) // record.protocol.folds
    balanced = record.protocol.switches.get("balanced") and made
    made = sum(max(made - n, 0) for n in real) if balanced else made * len(real)
    classes = len(real) if made else sum(count > 0 for count in real)
    return (stage.kind, name), classifier.config.optimizer_steps(sum(real) + made, classes) or 0, 0


def _amount_of_fidelity(resolved: Resolved, record: Record, stage: StageReport) -> tuple[Kind, int, int] | None:
    used = next((one.extractor for one in record.fidelity if one.key == stage.key), None)
    extractor = next((ready for ready in resolved.extractors if used and ready.name == used.name), None)
    if used is None or extractor is None or not _same(extractor.config, used.config):
        return None
    return (stage.kind, used.name), 0, stage.images or 0


def _same(config: PluginConfig, recorded: Mapping[str, Any]) -> bool:
    """Whether a record's configuration is this one."""
    return json.dumps(recorded, sort_keys=True) == json.dumps(plain_settings(config), sort_keys=True)
