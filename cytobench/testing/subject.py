"""A subject of checks: a target with its options and weights found, a folder to work in, and what it was seen to do."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from cytobench.assets import Asset
from cytobench.config.requirements import find_needs
from cytobench.context import Context
from cytobench.contract import PluginConfig
from cytobench.plugins.factory import load
from cytobench.testing.process import Process
from cytobench.testing.state import changes, children, device_memory, global_state, left_running, stir
from cytobench.testing.target import Target
from cytobench.testing.toy import Gallery
from cytobench.testing.watch import Away, Watch, listing, watching

Stage = Callable[[str], AbstractContextManager[Path]]
"""Makes the folder of a stage and watches that nothing else is written to."""

SEED = 2507
"""The seed of the checks' stages."""


@dataclass
class Seen:
    """What a whole use of a plugin left or did besides its work; empty lists where it did as it should."""

    state: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    """Bytes on the device before, and after each use; empty on a CPU."""


@dataclass(frozen=True)
class Place:
    """Where a subject is checked: a folder of its own, and what all subjects of a process share."""

    folder: Path
    records: Path
    """The folder of outputs on record."""
    away: Away
    """Plugin code runs in these folders and nowhere else."""
    elsewhere: Process
    """Another process, for errands."""


class Subject(ABC):
    """What checks are made on."""

    def __init__(self, target: Target, place: Place) -> None:
        self.target = target
        self.folder = place.folder
        self.records = place.records
        self.away = place.away
        self.strayed = Watch()
        """What was changed outside ``folder``, and asked of the network, in any check of this process."""
        self._numbers = count()
        self._elsewhere = place.elsewhere
        self._threads: list[threading.Thread] = []
        self._processes: dict[int, str] = {}
        self._before: dict[str, dict[str, tuple[int, int]]] = {}

    def ready(self) -> None:
        """Import the plugin's code, and take what is there before it does anything."""
        self.import_code()
        self._threads = threading.enumerate()
        self._processes = children()
        self._before = {name: listing(self.away.root / name) for name in Away.NAMES}

    @abstractmethod
    def import_code(self) -> None:
        """Import what the target names."""

    @abstractmethod
    def use(self, stage: Stage) -> None:
        """Use the plugin once from beginning to end, each stage in a folder of its own: ``with stage(NAME) as out``."""

    def new_folder(self, name: str) -> Path:
        """A new empty folder for a stage."""
        folder = self.folder / f"{next(self._numbers):03d}-{name}"
        folder.mkdir(parents=True)
        return folder

    def elsewhere(self, errand: str, arguments: Mapping[str, Any]) -> Any:
        """Do an errand of this kind in another process; what it raises there is raised here as text."""
        return self._elsewhere.errand(self.target, errand, arguments)

    @cached_property
    def seen(self) -> Seen:
        """What a whole use did; on a device two uses, for the first takes some memory for good."""
        seen = Seen()
        memory = device_memory(self.target.device)
        if memory is not None:
            seen.memory.append(memory)
            self._watched_use(seen)
        self._watched_use(seen)
        seen.running = left_running(self._threads, self._processes)
        seen.changed += self.strayed.changed + self._lying_about()
        seen.hosts += self.strayed.hosts
        return seen

    def _watched_use(self, seen: Seen) -> None:
        folder = self.new_folder("use")
        done: dict[Path, dict[str, tuple[int, int]]] = {}

        @contextmanager
        def stage(name: str) -> Iterator[Path]:
            out = folder / name
            out.mkdir()
            with watching(out, self.away.root / "tmp") as watch:
                yield out
            seen.changed += watch.changed
            seen.hosts += watch.hosts
            done[out] = listing(out)

        stir()
        before = global_state()
        self.use(stage)
        seen.state += changes(before)
        for out, left in done.items():
            seen.changed += [str(out / path) for path, state in listing(out).items() if left.get(path) != state]
        if seen.memory:
            seen.memory.append(device_memory(self.target.device) or 0)

    def _lying_about(self) -> list[str]:
        """What is new in the working, home and temporary folders."""
        new = []
        for name, before in self._before.items():
            now = listing(self.away.root / name)
            new += [str(self.away.root / name / path) for path in now if now[path] != before.get(path)]
        return new


class Offered(Subject):
    """What has a spec with a factory and options: generators, classifiers, extractors."""

    spec: Any

    def __init__(self, target: Target, place: Place) -> None:
        super().__init__(target, place)
        self.configs = self.configured(target.values)
        self.assets = self._assets()
        self.gallery = Gallery(place.folder.parent / "images")
        self.gallery.draw_all()

    @abstractmethod
    def configured(self, values: Mapping[str, Any], preset: str | None = None) -> tuple[PluginConfig, ...]:
        """The configurations with these values. Raises UserError as ``run`` does."""

    def _assets(self) -> dict[str, Asset]:
        assets: dict[str, Asset] = {}
        for config in self.configs:
            assets |= find_needs(config, self.target.name).assets
        return assets

    def import_code(self) -> None:
        """Import the factory."""
        load(self.spec.factory)

    def make(self) -> Any:
        """The plugin's object, as a stage makes it."""
        return load(self.spec.factory)(*self.configs)

    def context(
        self, out: Path, labels: Sequence[str] | None = None, seed: int = SEED, fold: int | None = None
    ) -> Context:
        """The context of a stage that writes in ``out``; ``labels`` are all classes, by default the gallery's."""
        return Context(
            seed=seed,
            device=self.target.device,
            dtype=self.dtype,
            out=out,
            labels=tuple(labels or self.gallery.labels),
            fold=fold,
            assets=self.assets,
            logger=logging.getLogger(f"cytobench.{self.target.name}"),
        )

    @property
    def dtype(self) -> str:
        """What a run computes in on the device."""
        return "float32" if self.target.device == "cpu" else "float16"
