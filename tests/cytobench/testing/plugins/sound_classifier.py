"""A classifier that keeps every rule, and beside it one for each rule that breaks it alone."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cytobench.context import Context
from cytobench.contract import Checkpoints, PluginConfig, Ran
from cytobench.decode import decode_image
from cytobench.images import FilePixels, Images


class Config(PluginConfig):
    sharpness: float = Field(default=0.2, gt=0)


def colours(images: Images) -> NDArray[np.float64]:
    return np.array([images[i].mean(axis=(0, 1)) for i in range(len(images))])


class Sound:
    """The class whose mean colour is nearest; a class without an image is never near."""

    def __init__(self, config: PluginConfig) -> None:
        self.sharpness = getattr(config, "sharpness", 0.2)

    def means(self, train: Images) -> NDArray[np.float64]:
        seen, targets = colours(train), train.targets
        far = [9999.0] * 3
        columns = range(len(train.labels))
        return np.array([seen[targets == i].mean(axis=0) if (targets == i).any() else far for i in columns])

    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        file = ctx.out / "means.json"
        file.write_text(json.dumps(self.means(train).tolist()))
        return Checkpoints(file, file, ({"epoch": 1, "val_loss": 0.5},))

    def open(self, checkpoint: Path, ctx: Context) -> SoundPredictor:
        return self.predictor(np.array(json.loads(checkpoint.read_text())))

    def predictor(self, means: NDArray[np.float64]) -> SoundPredictor:
        return SoundPredictor(means, self.sharpness)


class SoundPredictor:
    ran: Any = Ran("none", "nearest mean colour", None)

    def __init__(self, means: NDArray[np.float64], sharpness: float) -> None:
        self.means = means
        self.sharpness = sharpness

    def predict_proba(self, images: Images) -> Any:
        distance = np.linalg.norm(colours(images)[:, None] - self.means, axis=2)
        nearness = np.exp(-self.sharpness * (distance - distance.min(axis=1, keepdims=True)))
        return (nearness / nearness.sum(axis=1, keepdims=True)).astype(np.float32)

    def close(self) -> None:
        pass


def classifier(changed: type[SoundPredictor]) -> type[Sound]:
    """The sound classifier with another predictor, to write above the predictor."""

    class Changed(Sound):
        def predictor(self, means: NDArray[np.float64]) -> SoundPredictor:
            return changed(means, self.sharpness)

    return Changed


# loads


class NoOpen:
    def __init__(self, config: PluginConfig) -> None:
        pass

    def fit(self, train: Images, val: Images, ctx: Context) -> None:
        pass


# trains


class ReturnsNothing(Sound):
    def fit(self, train: Images, val: Images, ctx: Context) -> Any:
        super().fit(train, val, ctx)


class CheckpointElsewhere(Sound):
    """Inside the folder that is watched, and outside of its own."""

    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        file = super().fit(train, val, ctx).picked
        return Checkpoints(file, shutil.copy(file, ctx.out.parent / f"{ctx.out.name}.json"))


class NoLast(Sound):
    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        return Checkpoints(super().fit(train, val, ctx).picked, ctx.out / "last.json")


class CurvesOfText(Sound):
    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        file = super().fit(train, val, ctx).picked
        return Checkpoints(file, file, ({"val_loss": "low"},))  # type: ignore[dict-item]


@classifier
class SaysNothing(SoundPredictor):
    ran = "something"


# probabilities


@classifier
class Doubles(SoundPredictor):
    def predict_proba(self, images: Images) -> Any:
        return super().predict_proba(images).astype(np.float64)


@classifier
class NotANumber(SoundPredictor):
    def predict_proba(self, images: Images) -> Any:
        probabilities = super().predict_proba(images)
        probabilities[0] = np.nan
        return probabilities


@classifier
class Logits(SoundPredictor):
    def predict_proba(self, images: Images) -> Any:
        return np.log(super().predict_proba(images) + 1e-6)


@classifier
class Unnormalised(SoundPredictor):
    def predict_proba(self, images: Images) -> Any:
        return super().predict_proba(images) * np.float32(1.1)


# learns


@classifier
class Undecided(SoundPredictor):
    def predict_proba(self, images: Images) -> Any:
        return np.full((len(images), len(images.labels)), 1 / len(images.labels), np.float32)


# columns


@classifier
class Alphabetical(SoundPredictor):
    def predict_proba(self, images: Images) -> Any:
        return super().predict_proba(images)[:, np.argsort(images.labels)]


# few-classes


class SeenClasses(Sound):
    """Columns for the classes of the training images alone, as estimators of scikit-learn have them."""

    def means(self, train: Images) -> NDArray[np.float64]:
        return super().means(train)[np.unique(train.targets)]


# one-image


class NeedsSpread(Sound):
    def means(self, train: Images) -> NDArray[np.float64]:
        counts = np.bincount(train.targets, minlength=len(train.labels))
        if (counts == 1).any():
            raise ValueError("a spread needs two images a class")
        return super().means(train)


# same-seed


class Unseeded(Sound):
    def means(self, train: Images) -> NDArray[np.float64]:
        return super().means(train) + np.random.default_rng().normal(0, 0.1, 3)


# other-process


class InMemory(Sound):
    """Keeps the model in memory, and leaves an empty file."""

    kept: dict[str, Any] = {}  # noqa: RUF012 - shared by all objects, which is the fault

    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        file = ctx.out / f"{len(self.kept)}.json"
        file.touch()
        self.kept[file.name] = self.means(train)
        return Checkpoints(file, file)

    def open(self, checkpoint: Path, ctx: Context) -> SoundPredictor:
        return self.predictor(self.kept[checkpoint.name])


# batch


@classifier
class BatchTemperature(SoundPredictor):
    def predict_proba(self, images: Images) -> Any:
        self.sharpness = 0.2 / len(images)
        return super().predict_proba(images)


# test-images


class Peeks(Sound):
    """Reads what lies beside the training images, which does not even change what it learns."""

    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        first = train.pixels[0]
        assert isinstance(first, FilePixels)
        for file in first.path.parent.glob("*.png"):
            decode_image(file)
        return super().fit(train, val, ctx)


# global-state


class SeedsNumpy(Sound):
    def means(self, train: Images) -> NDArray[np.float64]:
        np.random.seed(7)
        return super().means(train)


class DrawsFromPython(Sound):
    def open(self, checkpoint: Path, ctx: Context) -> SoundPredictor:
        random.random()
        return super().open(checkpoint, ctx)


# own-folder


class WritesHere(Sound):
    def open(self, checkpoint: Path, ctx: Context) -> SoundPredictor:
        Path("predictions.log").touch()
        return super().open(checkpoint, ctx)


# network


class Phones(Sound):
    def open(self, checkpoint: Path, ctx: Context) -> SoundPredictor:
        with contextlib.suppress(OSError):
            socket.getaddrinfo("weights.invalid", 443)
        return super().open(checkpoint, ctx)


# nothing-running


class LeavesThread(Sound):
    def open(self, checkpoint: Path, ctx: Context) -> SoundPredictor:
        threading.Thread(target=threading.Event().wait, daemon=True, name="loader").start()
        return super().open(checkpoint, ctx)
