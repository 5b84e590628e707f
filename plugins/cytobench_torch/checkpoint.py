"""Checkpoints of torch models: safetensors files, never pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cytobench.errors import CytobenchError

_KEY = "cytobench"


def trained_state(model: nn.Module, only_trainable: bool) -> dict[str, Tensor]:
    """Copies on the CPU of the model's tensors by name: all, or only the parameters that are trained."""
    names = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in model.state_dict().items()
        if not only_trainable or name in names
    }


def save_checkpoint(path: Path, state: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and a JSON description. Equal contents give equal bytes."""
    # One metadata key only: the order of several is not fixed.
    save_file(dict(state), path, metadata={_KEY: json.dumps(about, sort_keys=True)})


def read_description(path: Path) -> dict[str, Any]:
    """The description of a checkpoint. Raises CytobenchError if the file is no checkpoint of cytobench."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except Exception as error:  # safetensors raises its own type for whatever is no safetensors file
        raise CytobenchError(f"{path} is no readable safetensors checkpoint: {error}") from error
    if _KEY not in metadata:
        raise CytobenchError(f"{path} is no checkpoint of cytobench: its metadata lacks the key {_KEY!r}")
    description: dict[str, Any] = json.loads(metadata[_KEY])
    return description


def load_checkpoint(model: nn.Module, path: Path, only_trainable: bool) -> None:
    """Load what :func:`save_checkpoint` wrote. Raises CytobenchError unless its tensors are the model's."""
    state = load_file(path)
    wanted = set(trained_state(model, only_trainable))
    if set(state) != wanted:
        odd = sorted(set(state) ^ wanted)
        raise CytobenchError(f"{path} does not fit the model: {len(odd)} tensors differ, first {odd[0]}")
    try:
        model.load_state_dict(state, strict=not only_trainable)
    except RuntimeError as error:
        raise CytobenchError(f"{path} does not fit the model: {error}") from error


def count_parameters(model: nn.Module) -> str:
    """The number of parameters in millions, as tables show it: ``23.5 M``."""
    return f"{sum(parameter.numel() for parameter in model.parameters()) / 1e6:.1f} M"


def free_memory(device: str) -> None:
    """Give cached device memory back, where there is any."""
    if torch.device(device).type != "cpu":
        torch.accelerator.memory.empty_cache()
