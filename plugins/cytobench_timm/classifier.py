"""Train and open models of timm."""

from __future__ import annotations

from pathlib import Path

import timm
from timm.data.config import resolve_data_config
from torch import nn

from cytobench.context import Context
from cytobench.contract import Checkpoints, Ran
from cytobench.images import Images
from cytobench.training.augment import Normalise
from cytobench.training.checkpoint import count_parameters, load_checkpoint, read_description
from cytobench.training.loop import train_classifier
from cytobench.training.predict import TorchPredictor
from cytobench.training.seeding import seeded
from cytobench_timm.config import TimmConfig

_NAMES = {"resnet50": "ResNet-50"}


class TimmClassifier:
    """A model of timm with random initial weights."""

    def __init__(self, config: TimmConfig) -> None:
        self.config = config

    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        """Train from scratch."""
        with seeded(ctx.seed, ctx.device):
            model = self._build(len(train.labels))
            return train_classifier(model, train, val, self.config, ctx, _normalise(model))

    def open(self, checkpoint: Path, ctx: Context) -> TorchPredictor:
        """Open a checkpoint of :meth:`fit`."""
        labels = tuple(read_description(checkpoint)["labels"])
        with seeded(ctx.seed, ctx.device), ctx.time("load"):
            model = self._build(len(labels))
            load_checkpoint(model, checkpoint, only_trainable=False)
            model.to(ctx.device).eval()
        name = _NAMES.get(self.config.model, self.config.model)
        ran = Ran("from scratch", f"{name} {count_parameters(model)}", self.config.resolution)
        return TorchPredictor(model, labels, self.config.resolution, _normalise(model), ctx, ran)

    def _build(self, classes: int) -> nn.Module:
        name = self.config.model
        # Transformers are built for one size of image; convolutional models take no such argument.
        try:
            model: nn.Module = timm.create_model(
                name, pretrained=False, num_classes=classes, img_size=self.config.resolution
            )
        except TypeError:
            model = timm.create_model(name, pretrained=False, num_classes=classes)
        return model


def _normalise(model: nn.Module) -> Normalise:
    settings = resolve_data_config({}, model=model)  # type: ignore[no-untyped-call]
    return Normalise(tuple(settings["mean"]), tuple(settings["std"]))
