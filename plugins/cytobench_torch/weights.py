"""Weights of plugins: safetensors files, never pickles, with errors that name the option."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from cytobench.assets import Asset
from cytobench.errors import UserError, setting


def read_weights(asset: Asset, plugin: str) -> dict[str, Tensor]:
    """The tensors by name of a plugin's asset ``weights``.

    Raises UserError where it is no safetensors file, or a damaged one.
    """
    file = _weights_file(asset, plugin)
    try:
        return load_file(file)
    except SafetensorError as error:
        message = f"{plugin}.weights {asset.source}: {file.name} is no safetensors file, or damaged ({error})."
        raise UserError(message) from error


def load_tensors(model: nn.Module, state: dict[str, Tensor], asset: Asset, plugin: str, architecture: str) -> None:
    """Load tensors into a model, all of them and no other. Raises UserError where they are of another network."""
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        # The first line names the class of the model; the next one what does not fit.
        reason = " ".join(str(error).split("\n")[1:2]).strip() or str(error)
        raise UserError(f"{plugin}.weights {asset.source} does not fit {architecture}: {_short(reason)}") from error


def _weights_file(asset: Asset, plugin: str) -> Path:
    """The one safetensors file of an asset. Raises UserError for another kind of file, and for none or several."""
    files = [asset.path] if asset.path.is_file() else sorted(asset.path.glob("*.safetensors"))
    if len(files) != 1:
        raise UserError(
            f"{plugin}.weights {asset.source}: {asset.path} holds {len(files)} .safetensors files; "
            f"name one with {setting(plugin, 'weights', 'PATH')}."
        )
    if files[0].suffix != ".safetensors":
        raise UserError(
            f"{plugin}.weights {asset.source}: {files[0].name} is no .safetensors file. Pickled weights can run code "
            "and are not read: convert them first (docs/fidelity.md, Weights)."
        )
    return files[0]


def _short(reason: str) -> str:
    return reason if len(reason) <= 200 else f"{reason[:200]} ..."
