from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cytobench.context import Context
from cytobench.contract import Checkpoints, PluginConfig, Ran
from cytobench.images import Images
from cytobench_fragile.ways import WAYS


class FragileConfig(PluginConfig):
    fit: str = "talk"
    predict: str = "talk"


class Fragile:
    def __init__(self, config: FragileConfig) -> None:
        self._config = config

    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        checkpoint = ctx.out / "empty"
        checkpoint.touch()
        WAYS[self._config.fit](ctx)
        return Checkpoints(picked=checkpoint, last=checkpoint)

    def open(self, checkpoint: Path, ctx: Context) -> Predictor:
        if self._config.predict == "secret":
            return Secretive()
        WAYS[self._config.predict](ctx)
        return Predictor()


class Predictor:
    ran = Ran("none", "always the first class", None)

    def predict_proba(self, images: Images) -> NDArray[np.float32]:
        return np.eye(len(images.labels), dtype=np.float32)[[0] * len(images)]

    def close(self) -> None:
        pass


class Secretive(Predictor):
    """Says what it is in a type that nobody else can have."""

    def __init__(self) -> None:
        class Secret(str):
            pass

        self.ran = Ran(Secret("none"), "always the first class", None)
