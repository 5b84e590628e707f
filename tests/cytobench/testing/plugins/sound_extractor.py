"""An extractor that keeps every rule, and beside it one for each rule that breaks it alone."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from cytobench.context import Context
from cytobench.contract import PluginConfig, Ran
from cytobench.images import Images


class Config(PluginConfig):
    scale: float = Field(default=1.0, gt=0)


class Opened:
    """Mean and spread of each colour."""

    ran: Any = Ran("none", "moments of colours", None)

    def features(self, images: Images) -> Any:
        return np.array([self.feature(images, i) for i in range(len(images))], dtype=np.float32)

    def feature(self, images: Images, i: int) -> Any:
        pixels = images[i].astype(np.float64)
        return np.concatenate([pixels.mean(axis=(0, 1)), pixels.std(axis=(0, 1))])

    def close(self) -> None:
        pass


class Sound:
    opened: type[Opened] = Opened

    def __init__(self, config: PluginConfig) -> None:
        pass

    def open(self, ctx: Context) -> Opened:
        return self.opened()


def extractor(changed: type[Opened]) -> type[Sound]:
    """The sound extractor that opens to another one, to write above what is opened."""

    class Changed(Sound):
        opened = changed

    return Changed


class NoOpen:
    def __init__(self, config: PluginConfig) -> None:
        pass


@extractor
class Doubles(Opened):
    def features(self, images: Images) -> Any:
        return super().features(images).astype(np.float64)


@extractor
class NotANumber(Opened):
    def features(self, images: Images) -> Any:
        return super().features(images) * np.float32("nan")


@extractor
class SaysNothing(Opened):
    ran = None


@extractor
class OneSize(Opened):
    """Stacks the images, which takes images of one size."""

    def features(self, images: Images) -> Any:
        np.stack([images[i] for i in range(len(images))])
        return super().features(images)


@extractor
class Constant(Opened):
    def feature(self, images: Images, i: int) -> Any:
        return np.ones(6)


@extractor
class Unseeded(Opened):
    def __init__(self) -> None:
        self.shift = np.random.default_rng().normal(0, 1e-3)

    def feature(self, images: Images, i: int) -> Any:
        return super().feature(images, i) + self.shift


@extractor
class Whitened(Opened):
    def features(self, images: Images) -> Any:
        features = super().features(images)
        return features - features.mean(axis=0)


@extractor
class Reads(Opened):
    """Looks at the label, which would make every fidelity a good one."""

    def feature(self, images: Images, i: int) -> Any:
        return np.append(super().feature(images, i), len(images.table["prompt"].iloc[i]))


@extractor
class ByProcess(Opened):
    def feature(self, images: Images, i: int) -> Any:
        return super().feature(images, i) + os.getpid() % 1000


class SeedsNumpy(Sound):
    def open(self, ctx: Context) -> Opened:
        np.random.seed(7)
        return super().open(ctx)


class WritesHere(Sound):
    def open(self, ctx: Context) -> Opened:
        Path("features.npy").touch()
        return super().open(ctx)


class Phones(Sound):
    def open(self, ctx: Context) -> Opened:
        with contextlib.suppress(OSError):
            socket.getaddrinfo("weights.invalid", 443)
        return super().open(ctx)


class LeavesThread(Sound):
    def open(self, ctx: Context) -> Opened:
        threading.Thread(target=threading.Event().wait, daemon=True, name="loader").start()
        return super().open(ctx)
