"""Loading an open_clip model and its tokenizer from resolved weights, without network and pickles."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import open_clip
from open_clip.factory import load_checkpoint
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from open_clip.transform import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from torch import Tensor, nn

from cytobench._text import did_you_mean
from cytobench.assets import Asset
from cytobench.errors import UserError, setting
from cytobench_openclip.config import CONFIG_FILE, CUSTOM, WEIGHTS_FILES
from cytobench_torch.augment import Normalise
from cytobench_torch.checkpoint import count_parameters


@dataclass
class LoadedClip:
    """A CLIP model with its tokenizer and normalisation. ``architecture`` is what tables show."""

    model: nn.Module
    tokenizer: Callable[[Sequence[str]], Tensor]
    context_length: int
    resolution: int
    normalise: Normalise
    architecture: str

    def count_tokens(self, text: str) -> int:
        """Tokens of a text before it is cut, with the start and the end token."""
        if isinstance(self.tokenizer, HFTokenizer):
            return len(self.tokenizer.tokenizer(self.tokenizer.clean_fn(text)).input_ids)
        return len(self.tokenizer.encode(text)) + 2  # type: ignore[attr-defined]


def load_clip(name: str, asset: Asset) -> LoadedClip:
    """Build the named model (or ``custom``) and load its weights.

    Raises UserError where the name is unknown, where it and the folder's own description differ, or where the
    weights are no safetensors or do not fit.
    """
    file, described = _find(asset)
    model_cfg = _model_config(name, asset, described.get("model_cfg"))
    if "hf_model_name" in model_cfg["text_cfg"] or "timm_model_name" in model_cfg["vision_cfg"]:
        raise UserError(f"clip.model {name}: only open_clip's own transformer towers are supported")
    folder = asset.path if asset.path.is_dir() else None
    tokenizer, context = _tokenizer(model_cfg["text_cfg"], folder)
    model_class = CustomTextCLIP if model_cfg.pop("custom_text", False) else CLIP
    try:
        model = model_class(**model_cfg)
        load_checkpoint(model, str(file))
    except (RuntimeError, TypeError, KeyError) as error:
        # torch's first line only says that something is wrong; the second names the first tensor and both shapes.
        reason = " ".join(line.strip() for line in str(error).strip().splitlines()[:2])
        raise UserError(
            f"clip.weights {asset.source}: {file.name} does not fit {name}: {reason} Name other weights with "
            f"{setting('clip', 'weights', 'PATH')}, or the model they are of with {setting('clip', 'model', 'NAME')}."
        ) from error
    preprocess: Mapping[str, Any] = described.get("preprocess_cfg", {})
    normalise = Normalise(
        tuple(preprocess.get("mean", OPENAI_DATASET_MEAN)), tuple(preprocess.get("std", OPENAI_DATASET_STD))
    )
    side = int(model_cfg["vision_cfg"].get("image_size", CLIPVisionCfg.image_size))
    shown = name if name != CUSTOM else _describe(model_cfg["vision_cfg"], side)
    activation = "quick GELU" if model_cfg.get("quick_gelu") else "GELU"
    architecture = f"{shown} {count_parameters(model)}, {activation}"
    return LoadedClip(model, tokenizer, context, side, normalise, architecture)


def _find(asset: Asset) -> tuple[Path, Mapping[str, Any]]:
    """The weights file, and the folder's description (empty for a single file)."""
    if asset.path.is_file():
        if asset.path.suffix != ".safetensors":
            raise UserError(f"clip.weights {asset.source}: {asset.path.name} is no .safetensors file")
        return asset.path, {}
    files = [asset.path / name for name in WEIGHTS_FILES if (asset.path / name).is_file()]
    config = asset.path / CONFIG_FILE
    if not files or not config.is_file():
        raise UserError(
            f"clip.weights {asset.source}: {asset.path} needs {CONFIG_FILE} and {' or '.join(WEIGHTS_FILES)}; "
            f"another layout can be given as one .safetensors file with clip.model"
        )
    described: Mapping[str, Any] = json.loads(config.read_text(encoding="utf-8"))
    return files[0], described


def _model_config(name: str, asset: Asset, described: Mapping[str, Any] | None) -> dict[str, Any]:
    if name == CUSTOM:
        if described is None:
            raise UserError(
                f"clip.model {CUSTOM}: {asset.source} has no {CONFIG_FILE} with model_cfg; "
                f"name its architecture with clip.model"
            )
        return deepcopy(dict(described))
    known: dict[str, Any] | None = open_clip.get_model_config(name)
    if known is None:
        hint = did_you_mean(name, open_clip.list_models())
        raise UserError(f"clip.model {name}: open_clip has no such model.{hint}")
    if described is not None:
        named, in_file = _comparable(known), _comparable(described)
        differing = sorted(key for key in named if named[key] != in_file.get(key))
        if differing:
            key = differing[0]
            raise UserError(
                f"clip.model {name}: the weights {asset.source} were made for another architecture "
                f"({key} is {in_file.get(key)!r} there, {named[key]!r} in {name}). Set clip.model to the "
                f"architecture of the weights, or to {CUSTOM} to take the one they describe."
            )
    return known


def _comparable(config: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the computation, with all defaults filled in, by dotted name."""
    parts = {"vision_cfg": CLIPVisionCfg, "text_cfg": CLIPTextCfg}
    flat: dict[str, Any] = {"embed_dim": config["embed_dim"], "quick_gelu": config.get("quick_gelu", False)}
    for part, kind in parts.items():
        flat |= {f"{part}.{key}": value for key, value in asdict(kind(**config[part])).items()}
    return flat


def _tokenizer(text_cfg: Mapping[str, Any], folder: Path | None) -> tuple[Any, int]:
    context = int(text_cfg.get("context_length", CLIPTextCfg.context_length))
    options = text_cfg.get("tokenizer_kwargs") or {}
    if not text_cfg.get("hf_tokenizer_name"):
        return SimpleTokenizer(context_length=context, **options), context
    if folder is None:
        raise UserError("clip.weights: this model has a tokenizer of its own; give the folder that holds it")
    mode = text_cfg.get("tokenizer_mode")
    # The folder, never the name: a name would be looked up on the Hub.
    options = {**options, "local_files_only": True}
    return HFTokenizer(str(folder), context_length=context, tokenizer_mode=mode, **options), context


def _describe(vision: Mapping[str, Any], side: int) -> str:
    return f"custom ViT {vision['layers']}x{vision['width']} /{vision['patch_size']} at {side} px"
