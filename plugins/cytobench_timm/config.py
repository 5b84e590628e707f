"""Configurations of the timm classifiers; reading them imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from cytobench.assets import AssetReference
from cytobench.training.config import TrainConfig

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"


class TimmConfig(TrainConfig):
    """A model of timm. ``model`` is any name that ``timm.list_models()`` gives."""

    optional_assets: ClassVar[frozenset[str]] = frozenset({"weights"})
    added: ClassVar[frozenset[str]] = TrainConfig.added | {"weights"}

    resolution: int = 384
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
            near = get_close_matches(name, timm.list_models(), 3)
            hint = f" Did you mean {' or '.join(near)}?" if near else " timm.list_models() gives all names"
            raise ValueError(f"is no model of timm {timm.__version__}.{hint}")
        return name

    def assets(self) -> Mapping[str, AssetReference]:
        """The weights to start from, with the configuration that says how images are normalised for them."""
        if self.weights is None:
            return {}
        reference = AssetReference(
            self.weights,
            patterns=(WEIGHTS_FILE, CONFIG_FILE),
            extra=(),
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
            # In so few steps the study's colour changes drown the colours that tell cells apart.
            "colour_strength": 0.2,
        },
    }


class ResNet50Config(TimmConfig):
    """ResNet-50 alone; use the classifier ``timm`` for other models."""

    model: Literal["resnet50"] = "resnet50"
