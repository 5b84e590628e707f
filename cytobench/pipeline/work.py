"""The stages: picklable units of work that an executor runs, in this process or another.

Each stage carries all it needs, writes its result into the store whole or not at all, and returns a report: seconds,
parts, images a second, peak memory, device, and what really ran.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any, Protocol

from cytobench.assets import Asset, refuse_changes
from cytobench.context import Context, Corners
from cytobench.contract import PluginConfig
from cytobench.errors import ChangedFile
from cytobench.metrics.timing import Stopwatch
from cytobench.pipeline.environment import device_info, loaded_software, threads
from cytobench.plugins.code import code_digest, first_used
from cytobench.plugins.factory import make
from cytobench.storage.store import Store

_SCRATCH = "cytobench-"
"""How the names of scratch folders begin; the number of the process follows."""


@dataclass(frozen=True)
class Services:
    """What a stage may use of the process that runs it."""

    progress: Callable[[int, int], None] = lambda done, total: None
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Work:
    """What every stage has: the plugin, its configuration, where it runs and what it may use."""

    plugin: str
    origin: str
    """The distribution that offers the plugin, and its version."""
    factory: str
    configs: tuple[PluginConfig, ...]
    seed: int
    device: str
    dtype: str
    workers: int
    labels: tuple[str, ...]
    assets: Mapping[str, Asset]
    store: Path
    selection: str = "f1_macro"
    recolouring: tuple[float, float] | None = None
    corners: Corners = "reflected"
    train_only: tuple[str, ...] = ()
    fold: int | None = None
    packages: tuple[str, ...] = ()
    """The packages that the plugin's code lies in, and the digest of their files; none of a built-in one."""
    code: str = ""

    def make(self) -> Any:
        """The plugin's object. Imports its module, so call it outside what is timed.

        Raises as :func:`cytobench.plugins.factory.make`, and ChangedFile where this process has older code of it.
        """
        if first_used(self.packages, self.code) != self.code:
            raise ChangedFile(
                f"the code of {self.plugin} ({self.origin}) was changed after this Python had imported it. Start "
                "Python anew (in a notebook: restart the kernel), or let plugins work in processes of their own."
            )
        return make(self.factory, self.configs, f"{self.plugin} ({self.origin})")

    def refuse_changes(self) -> None:
        """Raise ChangedFile where a file that the plugin was given, or its code, is not what was planned with.

        Called when a plugin has read its files and before anything is kept.
        """
        refuse_changes(self.assets)
        if self.code and code_digest(self.packages) != self.code:
            raise ChangedFile(
                f"the code of {self.plugin} ({self.origin}) was changed while the run worked. Run the same command "
                "again: it plans anew with the code as it is."
            )

    def context(self, out: Path, services: Services, watch: Stopwatch) -> Context:
        """The context the plugin gets."""
        return Context(
            seed=self.seed,
            device=self.device,
            dtype=self.dtype,
            out=out,
            workers=self.workers,
            labels=self.labels,
            selection=self.selection,  # type: ignore[arg-type]
            recolouring=self.recolouring,
            corners=self.corners,
            train_only=self.train_only,
            fold=self.fold,
            assets=self.assets,
            logger=logging.getLogger(f"cytobench.{self.plugin}"),
            progress=services.progress,
            stop=services.stop,
            time=watch.part,
        )


def stage_report(
    kind: str, key: str, label: str | None, work: Work, watch: Stopwatch, images: int | None
) -> dict[str, Any]:
    """What a stage says of itself; ``label`` is its class, or the extractor of a fidelity.

    ``images`` is the number of images made, predicted or extracted, for the rate; None where a rate says nothing.
    """
    busy = watch.seconds - watch.parts.get("load", 0.0)
    return {
        "kind": kind,
        "key": key,
        "label": label,
        "seconds": watch.seconds,
        "parts": watch.parts,
        "images": images,
        "images_per_second": images / busy if images and busy > 0 else None,
        "peak_memory_mib": watch.peak_memory_mib,
        "device": device_info(work.device)["name"],
        "threads": threads(),
        "software": loaded_software(),
        "when": watch.when,
    }


class Stage(Protocol):
    """What an executor runs."""

    @property
    def kind(self) -> str:
        """What it does: ``fit``, ``sample``, ``fidelity``, ``train`` or ``predict``."""
        ...

    @property
    def work(self) -> Work:
        """The plugin that does it, and where."""
        ...

    @property
    def key(self) -> str:
        """The content address of what it makes."""
        ...

    def run(self, services: Services) -> dict[str, Any]:
        """Do the work and return the report."""
        ...


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that disappears; its name tells the process, for one that dies leaves it behind."""
    with TemporaryDirectory(prefix=f"{_SCRATCH}{os.getpid()}-") as folder:
        yield Path(folder)


def run_stage(stage: Stage, services: Services | None = None) -> dict[str, Any]:
    """Run one stage; a module-level function, so that any executor can pickle the call."""
    return stage.run(services or Services())


def sweep(stage: Stage, process: int) -> None:
    """Remove what a process that died in a stage has left half made."""
    Store(stage.work.store).sweep(process)
    for folder in Path(gettempdir()).glob(f"{_SCRATCH}{process}-*"):
        shutil.rmtree(folder, ignore_errors=True)
