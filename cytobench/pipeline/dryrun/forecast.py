"""What a run would do: stages to do and already there, and why; images, optimiser steps, time and disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import fsum
from pathlib import Path

from cytobench._dataset import Finding
from cytobench.config.resolve import Resolved
from cytobench.pipeline.cost import Amount, Cost
from cytobench.pipeline.dryrun.calibrate import calibrate
from cytobench.pipeline.dryrun.composition import ClassCount, class_counts, shots_note
from cytobench.pipeline.dryrun.pricing import Kind, recorded_costs
from cytobench.pipeline.environment import device_info
from cytobench.pipeline.findings import Findings
from cytobench.pipeline.graph import Graph, plan_graph
from cytobench.pipeline.plan import make_planners
from cytobench.pipeline.planned import Piece, PlannedStage, folder_size
from cytobench.pipeline.reasons import Reasons
from cytobench.pipeline.resume import Contents, refuse_other_settings
from cytobench.pipeline.stages import PLANNED
from cytobench.storage.stage_kind import StageKind
from cytobench.storage.store import Store


@dataclass
class Item:
    """The stages of one kind and plugin; a block of images counts as one. All but ``there`` is of what is to do."""

    kind: StageKind
    plugin: str
    todo: int = 0
    there: int = 0
    images: int = 0
    """To make or predict."""
    steps: int = 0
    """Of the optimiser."""
    validated: int = 0
    """Images validated in trainings, in every epoch again."""
    seconds: float | None = None
    """Expected time; None where neither an earlier record of this device and configuration nor a calibration tells."""
    bytes: float | None = None
    """Expected size in the store; None where neither a stage that is there nor a calibration tells."""
    there_bytes: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """Why what is to do is not there already, and how often."""
    distribution: str = ""
    """Whose plugin it is, with its version."""
    built_in: bool = True

    def count(self, piece: Piece) -> None:
        """Count one more."""
        if piece.there:
            self.there += 1
            self.there_bytes += piece.size
            return
        self.todo += 1
        self.images += piece.amount.images
        self.steps += piece.amount.steps
        self.validated += piece.amount.validated
        self.reasons[piece.reason] = self.reasons.get(piece.reason, 0) + 1

    def price(self, cost: Cost | None) -> None:
        """Set time and size of what is to do."""
        if not self.todo:
            self.seconds = self.bytes = 0.0
            return
        each = PLANNED[self.kind].size_of_another(self.there, self.there_bytes)
        if cost is not None:
            self.seconds = cost.seconds(self.todo, Amount(self.images, self.steps, self.validated))
            each = each if cost.stage_bytes is None else cost.stage_bytes
        self.bytes = None if each is None else each * self.todo


@dataclass(frozen=True)
class Forecast:
    """A run before it runs."""

    trials: int
    done: int
    items: Sequence[Item]
    classes: Sequence[ClassCount]
    preset: str
    synthetic: Sequence[int]
    shots: Sequence[int]
    folds: Sequence[int]
    seeds: Sequence[int]
    prompts: Mapping[str, Mapping[str, str]]
    device: str
    external: str | None
    """The outside test set in words."""
    pooled: bool
    """Whether every number of synthetic images has folds of its own; ``classes`` then shows those of none."""
    calibrated: bool
    """Whether the times are of a calibration; else of earlier records."""
    kept_bytes: int
    """What the store holds already."""
    shots_note: str
    """What of a list of shots cannot be used; empty if all can."""
    findings: Sequence[Finding]
    """What was found in the data."""
    cautions: tuple[str, ...]
    """What plugins have a user know of the stages to do."""

    @property
    def seconds(self) -> float | None:
        """Expected time of all; None if that of any stage is unknown."""
        known = [item.seconds for item in self.items if item.todo]
        return None if None in known else fsum(value for value in known if value is not None)

    @property
    def bytes(self) -> float | None:
        """Expected growth of the store; None if that of any stage is unknown."""
        known = [item.bytes for item in self.items if item.todo]
        return None if None in known else fsum(value for value in known if value is not None)


def forecast(resolved: Resolved, out: Path, store: Path, tell: Callable[[str], None] | None = None) -> Forecast:
    """Count what a run into ``out`` would do; nothing is written there. Raises UserError as the run would.

    Time comes from earlier records. With ``tell``, a few steps of each kind of stage are timed instead, in a temporary
    folder, and ``tell`` hears of each.
    """
    refuse_other_settings(out, resolved.benchmark, Contents.of(resolved))
    planners = make_planners(resolved, store)
    graph = plan_graph(resolved, planners, out)
    items = _items(graph, planners[0].store)
    device = str(device_info(planners[0].device)["name"])
    if tell is not None:
        costs = calibrate(resolved, graph, [(item.kind, item.plugin) for item in items if item.todo], tell)
    else:
        costs = recorded_costs(resolved, out, device)
    for item in items:
        item.price(costs.get((item.kind, item.plugin)))
    return Forecast(
        trials=len(resolved.trials),
        done=len(graph.done),
        items=items,
        classes=class_counts(resolved, planners[0]),
        preset=str(resolved.benchmark.preset),
        synthetic=resolved.benchmark.synthetic or (),
        shots=resolved.benchmark.shots,
        folds=resolved.benchmark.fold or (),
        seeds=tuple(planner.seed for planner in planners),
        prompts={
            label: {"origin": resolved.prompt_origins[label], "generator": p.generator, "classifier": p.classifier}
            for label, p in resolved.prompts.items()
        },
        device=device,
        external=resolved.external.summary if resolved.external else None,
        pooled=resolved.protocol.pooled,
        calibrated=tell is not None,
        kept_bytes=folder_size(store),
        shots_note=shots_note(resolved, planners[0]),
        findings=Findings(resolved).of_run(planners),
        cautions=graph.cautions,
    )


def _items(graph: Graph, store: Store) -> list[Item]:
    """What is to do and what is there, by kind and plugin, in the order of a trial's stages."""
    items: dict[Kind, Item] = {}
    counted: set[str] = set()
    reasons = Reasons(store)

    def item(stage: PlannedStage) -> Item:
        offer = stage.ready.offer
        new = Item(stage.kind, stage.plugin, distribution=offer.distribution, built_in=offer.built_in)
        return items.setdefault((stage.kind, stage.plugin), new)

    for planned in graph.done:
        item(planned.prediction).there += 1
    undone = {planned.prediction.key: planned.undone or "" for planned in reversed(graph.to_do)}
    for key, stage in graph.stages.items():
        for piece in stage.pieces(reasons):
            if piece.id not in counted:
                counted.add(piece.id)
                item(stage).count(piece if key not in undone else replace(piece, reason=undone[key]))
    order = list(StageKind)
    return sorted(items.values(), key=lambda item: (order.index(item.kind), item.plugin))
