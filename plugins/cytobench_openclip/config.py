"""Configurations of ``clip``; defaults are the study's recipe (OpenAI's ViT-B/32, LoRA on q and v)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, model_validator

from cytobench.assets import AssetReference
from cytobench.contract import PluginConfig
from cytobench_torch.config import TrainConfig

OPENAI_VIT_B_32 = "timm/vit_base_patch32_clip_224.openai"
"""The Hub id under which open_clip's authors keep OpenAI's ViT-B/32 as safetensors."""
POCKET = "package:cytobench_phantom/weights/clip"
WEIGHTS_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
"""In a folder; the first that is there is read."""
CONFIG_FILE = "open_clip_config.json"
_WHOLE_TOKENIZER = "tokenizer.json"
_TOKENIZER_FILES = (
    _WHOLE_TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "config.json",
)
_VOCABULARY_FILES = ("vocab.json", "merges.txt")
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
            # In so few steps the study's ranges drown the colours that tell cells apart (docs/measured.md).
            "colour_strength": 0.2,
        }
    }

    model: str = "ViT-B-32-quickgelu"
    """A name of ``open_clip.list_models()``, or ``custom`` for what the weights folder describes itself. Must be given
    for a single file, which does not say whether it was made with GELU or quick GELU."""
    weights: str = OPENAI_VIT_B_32
    """One open_clip ``.safetensors`` file, or a folder or Hub id in open_clip's Hub layout."""
    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    """The adapter is scaled by alpha / rank."""
    dropout: float = Field(0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _activation_is_known(self) -> ClipConfig:
        _require_activation(self.model, self.weights, "model" in self.model_fields_set)
        return self

    def assets(self) -> Mapping[str, AssetReference]:
        """The weights with all that decides what they compute: architecture and tokenizer."""
        return {"weights": _reference(self.weights)}


class ClipFeaturesConfig(PluginConfig):
    """Which CLIP's image tower serves as an extractor; fields and presets as of :class:`ClipConfig`."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"pocket": {"model": CUSTOM, "weights": POCKET}}

    model: str = "ViT-B-32-quickgelu"
    weights: str = OPENAI_VIT_B_32

    @model_validator(mode="after")
    def _activation_is_known(self) -> ClipFeaturesConfig:
        _require_activation(self.model, self.weights, "model" in self.model_fields_set)
        return self

    def assets(self) -> Mapping[str, AssetReference]:
        """The same files as the classifier's."""
        return {"weights": _reference(self.weights)}


def _require_activation(model: str, weights: str, named: bool) -> None:
    """Raise ValueError where nobody has said which activation the weights were made with, or it is known to differ."""
    # Tensors fit either: with the other activation they load and compute something else, without a word.
    if Path(weights).expanduser().is_file() and (model == CUSTOM or not named):
        quick = ClipConfig.model_fields["model"].default
        raise ValueError(
            f"{weights} is one file, and does not say whether it was made with GELU or quick GELU. Name its model: "
            f"model={quick} for OpenAI's weights, model={quick.removesuffix('-quickgelu')} for most of LAION's, or "
            f"another name of open_clip.list_models(). Or give the folder or Hub id that has its {CONFIG_FILE}"
        )
    if "openai" in weights.lower() and model != CUSTOM and not model.endswith("-quickgelu"):
        raise ValueError(
            f"{weights} are OpenAI's weights, made with quick-GELU, and model={model} computes "
            f"the usual GELU; set model={model}-quickgelu"
        )


def _reference(weights: str) -> AssetReference:
    configuration = (CONFIG_FILE, *_TOKENIZER_FILES, *_VOCABULARY_FILES)
    return AssetReference(weights, WEIGHTS_FILES, configuration, reads=_files_read)


def _files_read(path: Path) -> Iterator[str]:
    """The files that open_clip reads of a folder; a test watches it and holds what it opens against this."""
    if path.is_file():
        return
    yield from [name for name in WEIGHTS_FILES if (path / name).is_file()][:1]
    tokenizer = _TOKENIZER_FILES if _own_tokenizer(path / CONFIG_FILE) else ()
    yield from (name for name in (CONFIG_FILE, *tokenizer) if (path / name).is_file())
    if tokenizer and not (path / _WHOLE_TOKENIZER).is_file():
        yield from (name for name in _VOCABULARY_FILES if (path / name).is_file())


def _own_tokenizer(config: Path) -> bool:
    """Whether the tokenizer is the folder's own; open_clip has one built in, and then reads none beside the weights."""
    try:
        text = json.loads(config.read_text(encoding="utf-8"))["model_cfg"]["text_cfg"]
        return bool(text.get("hf_tokenizer_name"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
