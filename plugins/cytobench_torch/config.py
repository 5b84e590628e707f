"""The options that every trained classifier has. Imports no torch, so that listing options stays fast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field

from cytobench.contract import PluginConfig
from cytobench_torch.schedule import learning_rate


class TrainConfig(PluginConfig):
    """Training options; the defaults are the study's recipe (AdamW, warm-up, cosine, CutMix or MixUp).

    ``class_weights``, ``oversample`` and ``match_steps`` are for the baselines that synthetic images have to beat.
    """

    added: ClassVar[frozenset[str]] = frozenset({"class_weights", "oversample", "match_steps"})

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
    class_weights: bool = False
    """Whether a class weighs inversely to its frequency in the training loss; that of validation stays as it is."""
    oversample: int = Field(0, ge=0)
    """So many repeats of real training images a class join the training, as so many synthetic images would."""
    match_steps: int = Field(0, ge=0)
    """Train for as many optimiser steps as with so many more images a class, on the images there are."""

    def shown(self, images: int, classes: int) -> int:
        """How many images an epoch shows, repeats among them."""
        return images + (self.oversample + self.match_steps) * classes

    def optimizer_steps(self, images: int, classes: int) -> int:
        """Optimiser steps of a training on so many images of so many classes."""
        return self.epochs * math.ceil(self.shown(images, classes) / self.batch_size)

    def warmup_steps(self, images: int, classes: int) -> int:
        """Steps of the warm-up of such a training."""
        return round(math.ceil(self.shown(images, classes) / self.batch_size) * self.warmup_epochs)

    def cautions(self, images: int, classes: int) -> Sequence[str]:
        """A warm-up that the training never leaves."""
        steps, warmup = self.optimizer_steps(images, classes), self.warmup_steps(images, classes)
        if warmup <= steps:
            return ()
        highest = learning_rate(steps - 1, steps, warmup, self.lr, self.min_lr)
        return (
            f"the warm-up of {self.warmup_epochs:g} epochs is longer than the training of {self.epochs}, so that the "
            f"learning rate rises to {highest:.3g} and never reaches lr ({self.lr:g}): set warmup_epochs lower",
        )

    def validations(self) -> int:
        """Once an epoch."""
        return self.epochs

    def with_steps(self, steps: int, images: int) -> Self:
        """As many whole epochs as fit into so many steps, at least one; without repeats, which cost what images do."""
        epochs = max(1, steps // math.ceil(images / self.batch_size))
        return self.model_copy(update={"epochs": epochs, "oversample": 0, "match_steps": 0})
