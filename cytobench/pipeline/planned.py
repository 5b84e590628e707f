"""A stage of a plan: what it makes, from what, whether that is there, and what it costs. Built when its turn comes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from cytobench._keys import CanonicalJson, content_key
from cytobench.config.grid import ReadyClassifier, ReadyExtractor, ReadyGenerator
from cytobench.config.resolve import Resolved
from cytobench.pipeline.cost import Amount
from cytobench.pipeline.plan import Planner
from cytobench.pipeline.reasons import Reasons
from cytobench.pipeline.work import Stage
from cytobench.storage.records import GeneratorUsed, Record, StageReport
from cytobench.storage.stage_kind import StageKind
from cytobench.storage.store import Store


class State(StrEnum):
    """Whether the store holds what a stage leaves."""

    PRESENT = "present"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Piece:
    """What a stage leaves as a whole, or a block of images; stages may share pieces."""

    id: str
    there: bool
    size: int
    """In bytes; 0 where it is not there."""
    amount: Amount
    reason: str
    """Why it is not there; empty where it is."""


class PlannedStage(ABC):
    """One stage, once in a plan. Everything that can change its outcome is in its key, and nothing else."""

    kind: ClassVar[StageKind]
    owner: ClassVar[str]
    """The input that names its plugin."""
    planner: Planner
    """What it is planned with."""
    title: str
    """What a display calls it."""
    ready: ReadyGenerator | ReadyClassifier | ReadyExtractor
    """The plugin that does it."""

    @property
    def store(self) -> Store:
        """Where it leaves what it makes."""
        return self.planner.store

    @abstractmethod
    def inputs(self) -> dict[str, Any]:
        """All that can change its outcome; long lists as :class:`~cytobench._keys.CanonicalJson`."""

    @cached_property
    def key(self) -> str:
        """The content address of its inputs."""
        return content_key(self.kind, self.inputs())

    @property
    def plugin(self) -> str:
        """The plugin's name in tables."""
        return self.ready.name

    @property
    def label(self) -> str | None:
        """What its report is told from others by: a class, or an extractor."""
        return None

    @property
    @abstractmethod
    def needs(self) -> tuple[PlannedStage, ...]:
        """The stages that must be there before it runs."""

    @property
    def awaits(self) -> tuple[PlannedStage, ...]:
        """The stages that it waits for, whether they succeed or fail."""
        return ()

    @property
    @abstractmethod
    def amount(self) -> Amount:
        """The work in it."""

    @property
    def cautions(self) -> Sequence[str]:
        """What its plugin has a user know before it runs."""
        return ()

    @property
    def state(self) -> State:
        """Whether what it leaves is there, its files checked once a process."""
        if self.store.find(self.kind, self.key) is not None:
            return State.PRESENT
        return State.DAMAGED if self.store.damage(self.kind, self.key) else State.MISSING

    def pieces(self, reasons: Reasons) -> Iterator[Piece]:
        """What it leaves, piece by piece, with the reason of each that is not there."""
        if self.state is State.PRESENT:
            yield Piece(self.key, True, folder_size(self.store.folder(self.kind, self.key)), self.amount, "")
        else:
            reason = reasons.of_stage(self.kind, self.key, self.owner, self.label, self.plain_inputs)
            yield Piece(self.key, False, 0, self.amount, reason)

    @classmethod
    def size_of_another(cls, there: int, size: int) -> float | None:
        """The bytes that one more leaves in the store, by so many that are there; None if they do not tell."""
        return size / there if there else None

    @classmethod
    @abstractmethod
    def recorded(cls, resolved: Resolved, record: Record, report: StageReport) -> tuple[str, Amount] | None:
        """The plugin and the work of a recorded stage; None if the run has no such plugin, or with other settings."""

    def plain_inputs(self) -> dict[str, Any]:
        """The inputs as plain values, as a store keeps them."""
        return {
            name: value.value() if isinstance(value, CanonicalJson) else value for name, value in self.inputs().items()
        }

    @property
    def makes(self) -> tuple[str, ...]:
        """The addresses of what it would add to the store now, for records to tell what a run paid."""
        return (self.key,)

    @abstractmethod
    def build(self) -> Stage:
        """The stage itself: picklable, carrying all it needs."""


def folder_size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def recorded_generator(resolved: Resolved, record: Record) -> tuple[ReadyGenerator | None, GeneratorUsed | None]:
    """The run's generator of the name that a record's has, and the record's."""
    used = record.generator
    return next((ready for ready in resolved.generators if used and ready.name == used.name), None), used


def recorded_classifier(resolved: Resolved, record: Record) -> ReadyClassifier | None:
    """The run's classifier of the name that a record's has."""
    return next((ready for ready in resolved.classifiers if ready.name == record.classifier.name), None)


def same_settings(settings: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    """Whether a record's configuration is this one."""
    return CanonicalJson.of(recorded) == CanonicalJson.of(settings)
