"""The options that every trained classifier has. Imports no torch, so that listing options stays fast."""

from __future__ import annotations

import math
from typing import Self

from pydantic import Field

from cytobench.contract import PluginConfig


class TrainConfig(PluginConfig):
    """Training options; the defaults are the study's recipe (AdamW, warm-up, cosine, CutMix or MixUp)."""

    epochs: int = Field(100, ge=1)
    batch_size: int = Field(64, ge=2)
    """Images a step at most; an epoch is cut into batches of nearly equal size."""
    lr: float = Field(1e-4, gt=0)
    """Peak learning rate, reached at the end of the warm-up."""
    weight_decay: float = Field(1e-8, ge=0)
    warmup_epochs: float = Field(30, ge=0)
    """Epochs of linear warm-up; a cosine to ``min_lr`` follows."""
    min_lr: float = Field(1e-8, ge=0)
    resolution: int = Field(224, ge=8)
    """Side in pixels of the square the model sees."""
    mix_probability: float = Field(0.2, ge=0, le=1)
    """Share of batches that get CutMix or MixUp (one or the other, evenly)."""
    augment: bool = True
    """Whether training images are augmented at all."""
    colour_strength: float = Field(1.0, ge=0, le=1)
    """How far colours are changed: 1 is the study's ranges, 0 leaves brightness, saturation and hue alone."""

    def optimizer_steps(self, images: int) -> int:
        """Optimiser steps of a training on so many images."""
        return self.epochs * math.ceil(images / self.batch_size)

    def with_steps(self, steps: int, images: int) -> Self:
        """As many whole epochs as fit into so many steps, at least one."""
        return self.model_copy(update={"epochs": max(1, steps // math.ceil(images / self.batch_size))})
