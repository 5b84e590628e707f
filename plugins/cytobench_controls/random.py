"""The classifier ``random``: uniform guesses, the floor of every table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cytobench.context import Context
from cytobench.contract import Checkpoints, PluginConfig, Ran
from cytobench.images import Images


class RandomConfig(PluginConfig):
    """Nothing to set."""


class Random:
    """Learns nothing."""

    def __init__(self, config: RandomConfig) -> None:
        pass

    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        """Keep the seed, which is all there is."""
        checkpoint = ctx.out / "seed.json"
        checkpoint.write_text(json.dumps({"seed": ctx.seed}))
        return Checkpoints(picked=checkpoint, last=checkpoint)

    def open(self, checkpoint: Path, ctx: Context) -> RandomPredictor:
        """Guess from the kept seed."""
        return RandomPredictor(json.loads(checkpoint.read_text())["seed"])


class RandomPredictor:
    """Guesses."""

    ran = Ran("none", "uniform guesses", None)

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def predict_proba(self, images: Images) -> NDArray[np.float32]:
        """Uniform points of the simplex (Dirichlet with all ones): every class is as likely to be the largest."""
        classes = len(images.labels)
        return self._rng.dirichlet(np.ones(classes), size=len(images)).astype(np.float32)

    def close(self) -> None:
        """Nothing is open."""
