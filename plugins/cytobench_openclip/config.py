"""Configuration of ``clip``; defaults are the study's recipe (OpenAI's ViT-B/32, LoRA on q and v)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, model_validator

from cytobench.assets import AssetReference
from cytobench.training.config import TrainConfig

OPENAI_VIT_B_32 = "timm/vit_base_patch32_clip_224.openai"
"""The Hub id under which open_clip's authors keep OpenAI's ViT-B/32 as safetensors."""
POCKET = "package:cytobench_phantom/weights/clip"
CUSTOM = "custom"
"""As ``model``: the architecture that the weights folder describes itself."""


class ClipConfig(TrainConfig):
    """Which CLIP, and how it is tuned."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "pocket": {
            "model": CUSTOM,
            "weights": POCKET,
            "resolution": 64,
            "epochs": 15,
            "batch_size": 32,
            "lr": 5e-3,
            "warmup_epochs": 2,
            # In so few steps the study's colour changes drown the colours that tell cells apart.
            "colour_strength": 0.2,
        }
    }

    model: str = "ViT-B-32-quickgelu"
    """A name of ``open_clip.list_models()``, or ``custom`` for what the weights folder describes itself."""
    weights: str = OPENAI_VIT_B_32
    """One open_clip ``.safetensors`` file, or a folder or Hub id in open_clip's Hub layout."""
    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    """The adapter is scaled by alpha / rank."""
    dropout: float = Field(0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _openai_needs_quick_gelu(self) -> ClipConfig:
        # With the usual GELU these weights load and compute something else, without a word.
        if "openai" in self.weights.lower() and self.model != CUSTOM and not self.model.endswith("-quickgelu"):
            raise ValueError(
                f"{self.weights} are OpenAI's weights, made with quick-GELU, and model={self.model} computes "
                f"the usual GELU; set model={self.model}-quickgelu"
            )
        return self

    def assets(self) -> Mapping[str, AssetReference]:
        """The weights with all that decides what they compute: architecture and tokenizer."""
        return {
            "weights": AssetReference(
                self.weights,
                patterns=("open_clip*.safetensors", "open_clip_config.json"),
                extra=("tokenizer*.json", "vocab.json", "merges.txt", "special_tokens_map.json"),
            )
        }
