"""What stages cost on a device: seconds, from the records of earlier runs."""

from __future__ import annotations

from math import fsum
from pathlib import Path

from cytobench.config.resolve import Resolved
from cytobench.errors import UserError
from cytobench.pipeline.cost import Amount, Cost
from cytobench.pipeline.stages import PLANNED
from cytobench.storage.records import Record, read_unchecked
from cytobench.storage.stage_kind import StageKind

Kind = tuple[StageKind, str]
"""The kind of a stage, and the plugin's name in tables."""


def recorded_costs(resolved: Resolved, out: Path, device: str) -> dict[Kind, Cost]:
    """Costs by the records in ``out`` and the results folders beside it: of this device and these settings alone.

    A record tells a stage's whole time, so that it is divided by its steps, else its images, else counted whole.
    """
    spent: dict[Kind, dict[tuple[str, str | None], tuple[float, Amount]]] = {}
    for record in _records_near(out):
        for stage in record.stages:
            kind = StageKind(stage.kind)
            recorded = PLANNED[kind].recorded(resolved, record, stage) if stage.device == device else None
            if recorded is not None:
                plugin, amount = recorded
                spent.setdefault((kind, plugin), {})[stage.key, stage.label] = stage.seconds, amount
    costs = {}
    for kind_and_plugin, stages in spent.items():
        seconds = fsum(seconds for seconds, _ in stages.values())
        amount = sum((amount for _, amount in stages.values()), Amount())
        if amount.steps:
            costs[kind_and_plugin] = Cost(step=seconds / amount.steps)
        elif amount.images:
            costs[kind_and_plugin] = Cost(image=seconds / amount.images)
        else:
            costs[kind_and_plugin] = Cost(stage=seconds / len(stages))
    return costs


def _records_near(out: Path) -> list[Record]:
    records: list[Record] = []
    for file in sorted(out.parent.glob("*/records/*.json")):
        try:
            records.append(read_unchecked(file))  # times do not follow from predictions
        except UserError:  # someone else's, or damaged: it only serves the estimate
            continue
    return records
