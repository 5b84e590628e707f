"""Weights to start a timm model from: a safetensors file, or a folder or Hub id in timm's layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn

from cytobench.assets import Asset
from cytobench.errors import UserError
from cytobench_timm.config import CONFIG_FILE, WEIGHTS_FILE

_ABOUT_IMAGES = ("mean", "std")


@dataclass(frozen=True)
class StartingWeights:
    """Tensors by name as in the file, and what its configuration says of the images it was trained on."""

    source: str
    tensors: Mapping[str, Tensor]
    images: Mapping[str, Any] = field(default_factory=dict)
    """``mean`` and ``std`` of the normalisation, where a configuration tells."""

    def overlay(self) -> dict[str, Any]:
        """What ``timm.create_model(pretrained=True, pretrained_cfg_overlay=...)`` takes to load the tensors.

        No number of classes is that of the file, so that timm leaves out its classification layer.
        """
        return {"state_dict": dict(self.tensors), "num_classes": -1, "label_offset": 0, **self.images}

    def check(self, model: nn.Module, name: str) -> None:
        """Raise UserError unless the tensors are named as those of the model, but for its classification layer."""
        cfg: Any = model.pretrained_cfg
        heads = cfg["classifier"]
        heads = (heads,) if isinstance(heads, str) else tuple(heads or ())
        of_model, of_file = (
            {name for name in names if not name.startswith(tuple(f"{head}." for head in heads))}
            for names in (model.state_dict(), self.tensors)
        )
        if of_model != of_file:
            odd = sorted(of_model ^ of_file)
            where = "the weights lack" if odd[0] in of_model else "the model lacks"
            raise self.misfit(name, f"{len(odd)} tensors differ: {where} {odd[0]}")

    def misfit(self, name: str, reason: str) -> UserError:
        """The error for weights that are not of the model of this name."""
        return UserError(
            f"weights {self.source} do not fit the model {name}: {reason.rstrip('.')}. "
            "Set the option model to that of the weights, or give other weights."
        )


def read_starting_weights(asset: Asset, model: str) -> StartingWeights:
    """Read weights for the timm model of this name.

    Raises UserError if they are no readable safetensors file or are described as those of another model.
    """
    file, about = asset.path, {}
    if asset.path.is_dir():
        file = asset.path / WEIGHTS_FILE
        if not file.is_file():
            raise UserError(f"weights {asset.source}: {asset.path} holds no {WEIGHTS_FILE}. Name one file instead.")
        about = _described(asset, model)
    if file.suffix != ".safetensors":
        raise UserError(f"weights {asset.source}: {file.name} is no .safetensors file.")
    try:
        tensors = load_file(file)
    except Exception as error:  # safetensors raises its own type for whatever is no safetensors file
        raise UserError(f"weights {asset.source}: {file} cannot be read: {error}.") from error
    return StartingWeights(asset.source, tensors, about)


def _described(asset: Asset, model: str) -> dict[str, Any]:
    """Mean and deviation by the folder's configuration, if there is one."""
    file: Path = asset.path / CONFIG_FILE
    if not file.is_file():
        return {}
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        architecture, images = config["architecture"], config["pretrained_cfg"]
        normalisation = {key: tuple(float(value) for value in images[key]) for key in _ABOUT_IMAGES if key in images}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"weights {asset.source}: {file} is no configuration of timm ({type(error).__name__}: {error}). "
            f"Name {asset.path / WEIGHTS_FILE} alone to take the model's own normalisation."
        ) from error
    if architecture != model.partition(".")[0]:
        raise UserError(
            f"weights {asset.source} are of {architecture}, and the model is {model}. Set the option model or weights."
        )
    return normalisation
