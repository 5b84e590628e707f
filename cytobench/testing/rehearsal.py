"""A real run of a few seconds with a finished and a failed trial, to have what observers are told of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pluggy
from numpy.typing import NDArray

from cytobench import hookspecs
from cytobench.api import run
from cytobench.context import Context
from cytobench.contract import CONTRACT, Checkpoints, ClassifierSpec, PluginConfig, Ran, hookimpl
from cytobench.errors import CytobenchError
from cytobench.images import Images
from cytobench.plugins import Offer, Plugins
from cytobench.testing.toy import LABELS, Gallery


class NearestColour:
    """The class whose mean colour is nearest; enough of a classifier for toy images."""

    def __init__(self, config: PluginConfig) -> None:
        pass

    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        """Keep the mean colour of each class."""
        colours, targets = _colours(train), train.targets
        means = [colours[targets == column].mean(axis=0).tolist() for column in range(len(train.labels))]
        file = ctx.out / "means.json"
        file.write_text(json.dumps(means))
        return Checkpoints(file, file)

    def open(self, checkpoint: Path, ctx: Context) -> NearestColourPredictor:
        """Read the mean colours."""
        return NearestColourPredictor(np.array(json.loads(checkpoint.read_text())))


class NearestColourPredictor:
    """Compares colours."""

    ran = Ran("none", "nearest mean colour", None)

    def __init__(self, means: NDArray[np.float64]) -> None:
        self._means = means

    def predict_proba(self, images: Images) -> NDArray[np.float32]:
        """Probabilities fall with the distance of colours, float32 (n, classes)."""
        distance = np.linalg.norm(_colours(images)[:, None] - self._means, axis=2)
        nearness = np.exp(-(distance - distance.min(axis=1, keepdims=True)) / 10)
        probabilities: NDArray[np.float32] = (nearness / nearness.sum(axis=1, keepdims=True)).astype(np.float32)
        return probabilities

    def close(self) -> None:
        """Nothing is open."""


class Failing:
    """A classifier whose training fails, so that there is a failed trial to tell of."""

    def __init__(self, config: PluginConfig) -> None:
        pass

    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        """Raise CytobenchError."""
        raise CytobenchError("this trial is meant to fail")


def _colours(images: Images) -> NDArray[np.float64]:
    """Mean colours, float64 (n, 3)."""
    return np.array([images[i].mean(axis=(0, 1)) for i in range(len(images))])


@dataclass(frozen=True)
class HookCall:
    """One call of an observer hook with its arguments."""

    hook: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Rehearsal:
    """The results folder of the run, and what was told of it, in order."""

    out: Path
    calls: tuple[HookCall, ...]


def rehearse(folder: Path) -> Rehearsal:
    """Run two classifiers on toy images over one fold of three; one of them fails."""
    gallery = Gallery(folder / "cells")
    for label in LABELS:
        for i in range(6):
            gallery.file(label, i)
    calls: list[HookCall] = []
    manager = pluggy.PluginManager("cytobench")
    manager.add_hookspecs(hookspecs)
    manager.register(_listener(calls), "listener")
    plugins = Plugins(manager)
    for name in ("NearestColour", "Failing"):
        plugins.classifiers.add(_offer(name))
    out = folder / "out"
    with _cache_in(folder / "cache"):
        _run(folder / "cells", out, plugins)
    return Rehearsal(out, tuple(calls))


def _run(cells: Path, out: Path, plugins: Plugins) -> None:
    run(
        dataset=str(cells),
        preset="pocket",
        classifier=list(plugins.classifiers),
        synthetic=[0],
        folds=3,
        fold=[0],
        device="cpu",
        out=out,
        plugins=plugins,
    )


@contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    """A cache folder of its own: the run must not show as something that the observer wrote."""
    before = os.environ.get("CYTOBENCH_CACHE")
    os.environ["CYTOBENCH_CACHE"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["CYTOBENCH_CACHE"]
        else:
            os.environ["CYTOBENCH_CACHE"] = before


def _listener(calls: list[HookCall]) -> Any:
    """An observer that keeps what it is told."""

    @hookimpl
    def cytobench_run_started(run: dict[str, Any], out: Path) -> None:
        calls.append(HookCall("cytobench_run_started", {"run": run, "out": out}))

    @hookimpl
    def cytobench_trial_finished(record: dict[str, Any]) -> None:
        calls.append(HookCall("cytobench_trial_finished", {"record": record}))

    @hookimpl
    def cytobench_run_finished(out: Path, failed: int) -> None:
        calls.append(HookCall("cytobench_run_finished", {"out": out, "failed": failed}))

    return SimpleNamespace(
        cytobench_run_started=cytobench_run_started,
        cytobench_trial_finished=cytobench_trial_finished,
        cytobench_run_finished=cytobench_run_finished,
    )


def _offer(name: str) -> Offer[ClassifierSpec]:
    config = "cytobench.contract:PluginConfig"
    spec = ClassifierSpec(name, "for rehearsals", CONTRACT, 1, f"{__name__}:{name}", config)
    return Offer(spec, "cytobench", "")
