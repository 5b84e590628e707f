"""Train and open models of timm."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import timm
from timm.data.config import resolve_data_config
from torch import nn

from cytobench.context import Context
from cytobench.contract import Checkpoints, Ran
from cytobench.images import Images
from cytobench_timm.config import TimmConfig
from cytobench_timm.weights import StartingWeights, read_starting_weights
from cytobench_torch.augment import Normalise
from cytobench_torch.checkpoint import count_parameters, load_checkpoint, read_description
from cytobench_torch.loop import train_classifier
from cytobench_torch.predict import TorchPredictor
from cytobench_torch.seeding import seeded

_NAMES = {"resnet50": "ResNet-50"}


class TimmClassifier:
    """A model of timm, with random initial values or from weights; its classification layer is always new."""

    def __init__(self, config: TimmConfig) -> None:
        self.config = config

    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        """Train; the checkpoints of a training that started from weights hold their normalisation."""
        asset = ctx.assets.get("weights")
        with seeded(ctx.seed, ctx.device):
            if asset is None:
                model = self._build(len(train.labels))
                return train_classifier(model, train, val, self.config, ctx, _normalise(model))
            with ctx.time("load"):
                model = self._build(len(train.labels), read_starting_weights(asset, self.config.model))
            normalise = _normalise(model)
            return train_classifier(model, train, val, self.config, ctx, normalise, about=asdict(normalise))

    def open(self, checkpoint: Path, ctx: Context) -> TorchPredictor:
        """Open a checkpoint of :meth:`fit`."""
        described = read_description(checkpoint)
        labels = tuple(described["labels"])
        with seeded(ctx.seed, ctx.device), ctx.time("load"):
            model = self._build(len(labels))
            load_checkpoint(model, checkpoint, only_trainable=False)
            model.to(ctx.device).eval()
        normalise = _normalise(model)
        asset, start = ctx.assets.get("weights"), "from scratch"
        if asset is not None:
            normalise = Normalise(tuple(described["mean"]), tuple(described["std"]))
            start = f"from {asset.source}@{asset.digest[:12]}"
            if not asset.configuration:  # tensors alone do not say how their images were normalised
                start += f", normalised as timm does for {self.config.model}"
        name = _NAMES.get(self.config.model, self.config.model)
        ran = Ran(start, f"{name} {count_parameters(model)}", self.config.resolution)
        return TorchPredictor(model, labels, self.config.resolution, normalise, ctx, ran)

    def _build(self, classes: int, start: StartingWeights | None = None) -> nn.Module:
        model = self._create(num_classes=classes)
        if start is None:
            return model
        start.check(model, self.config.model)
        try:
            # timm fits position embeddings to the size of the images where it loads weights itself.
            model = self._create(num_classes=classes, pretrained=True, pretrained_cfg_overlay=start.overlay())
        except (RuntimeError, KeyError, ValueError) as error:  # what timm raises for tensors of other shapes
            first = str(error).splitlines()[:2][-1].strip()  # torch lists every tensor, below a heading
            raise start.misfit(self.config.model, first) from error
        cfg: Any = model.pretrained_cfg
        cfg["state_dict"] = None  # not to be kept beside the model's own
        return model

    def _create(self, **options: Any) -> nn.Module:
        # Transformers are built for one size of image; convolutional models take no such argument.
        try:
            model: nn.Module = timm.create_model(self.config.model, img_size=self.config.resolution, **options)
        except TypeError:
            model = timm.create_model(self.config.model, **options)
        return model


def _normalise(model: nn.Module) -> Normalise:
    settings = resolve_data_config({}, model=model)  # type: ignore[no-untyped-call]
    return Normalise(tuple(settings["mean"]), tuple(settings["std"]))
