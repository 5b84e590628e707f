"""Put a fresh LoRA adapter on a pipeline, and save it in diffusers' LoRA format."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
from peft import LoraConfig, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer as AdaptedLayer
from torch import nn

from cytobench.assets import Asset
from cytobench.errors import CytobenchError
from cytobench_diffusion.adapter_file import LoraLayer, read_adapter
from cytobench_diffusion.adapter_place import ADAPTER_FILE, PEFT_CONFIG, find_adapter
from cytobench_diffusion.config import LoraFitConfig

if TYPE_CHECKING:
    from cytobench_diffusion.pipeline import LoadedPipeline

_NAME = "default"


def attach_adapter(pipe: Any, config: LoraFitConfig) -> list[nn.Parameter]:
    """Add a new adapter to UNet and, if asked, text encoder; return its float32 parameters.

    Half-precision base weights stay as they are: only the adapter needs the precision of small updates. Draws
    from torch's global CPU generator (peft has no other way), so call it inside ``torch.random.fork_rng``.
    """
    models = [(pipe.unet, config.unet_targets)]
    if config.train_text_encoder:
        models.append((pipe.text_encoder, config.text_encoder_targets))
    for model, targets in models:
        lora = LoraConfig(
            r=config.rank,
            lora_alpha=config.scaled_by,
            init_lora_weights="gaussian",
            target_modules=list(targets),
        )
        model.add_adapter(lora, adapter_name=_NAME)
    parameters = [p for model, _ in models for p in model.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.data = parameter.data.to(torch.float32)
    return parameters


def save_adapter(pipe: Any, config: LoraFitConfig, folder: Path) -> None:
    """Write ``pytorch_lora_weights.safetensors``, which plain ``pipe.load_lora_weights(folder)`` reads.

    The metadata carries alpha, without which a reader has to take alpha = rank.
    """
    layers: dict[str, Any] = {
        "unet_lora_layers": _weights(pipe.unet),
        "unet_lora_adapter_metadata": _metadata(pipe.unet),
    }
    if config.train_text_encoder:
        layers["text_encoder_lora_layers"] = _weights(pipe.text_encoder)
        layers["text_encoder_lora_adapter_metadata"] = _metadata(pipe.text_encoder)
    StableDiffusionPipeline.save_lora_weights(folder, weight_name=ADAPTER_FILE, **layers)
    _sort_metadata(folder / ADAPTER_FILE)


def put_on(model: Any, layers: Mapping[str, LoraLayer]) -> None:
    """Put an adapter's layers on a model, by module, each tensor where it belongs.

    Draws from torch's global CPU generator, as :func:`attach_adapter` does.
    """
    common, _ = Counter(layer.rank for layer in layers.values()).most_common(1)[0]
    lora = LoraConfig(
        r=common,
        lora_alpha=common,
        rank_pattern={f"^{re.escape(name)}": layer.rank for name, layer in layers.items() if layer.rank != common},
        target_modules="|".join(map(re.escape, layers)),
        use_dora=any(layer.magnitude is not None for layer in layers.values()),
    )
    model.add_adapter(lora, adapter_name=_NAME)
    worn = {name for name, module in model.named_modules() if isinstance(module, AdaptedLayer)}
    if worn != set(layers):
        raise ValueError(f"{len(worn ^ set(layers))} layers are not those of the adapter")
    with torch.no_grad():
        for name, layer in layers.items():
            module = model.get_submodule(name)
            module.lora_A[_NAME].weight.copy_(layer.down)
            module.lora_B[_NAME].weight.copy_(layer.up)
            module.scaling[_NAME] = layer.scale
            if layer.magnitude is not None:
                norms = module.lora_magnitude_vector[_NAME].weight
                norms.copy_(layer.magnitude.view_as(norms))


def take_adapter(loaded: LoadedPipeline, adapter: Asset, label: str, folder: Path) -> None:
    """Copy an adapter tuned elsewhere into ``folder``, if the pipeline can wear all of it.

    ``adapter`` is one file for all classes, or a folder with one file for all or one a class. Raises
    :class:`~cytobench.errors.CytobenchError` where it has none for the class, or one that cannot be loaded whole.
    """
    file = find_adapter(adapter.path, label)
    if file is None:
        raise CytobenchError(
            f"sd21-lora.adapter: {adapter.path} holds no {ADAPTER_FILE} for all classes and no {label}/{ADAPTER_FILE}."
        )
    read_adapter(file, loaded.models, loaded.asset.source)  # first, so that a message names the user's own file
    shutil.copyfile(file, folder / ADAPTER_FILE)
    if file.with_name(PEFT_CONFIG).is_file():
        shutil.copyfile(file.with_name(PEFT_CONFIG), folder / PEFT_CONFIG)


def _sort_metadata(path: Path) -> None:
    """Rewrite the header with its metadata in sorted order, which safetensors writes in a random one."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    packed = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    packed += b" " * (-len(packed) % 8)  # the tensors after it stay aligned to 8 bytes
    path.write_bytes(len(packed).to_bytes(8, "little") + packed + content[end:])


def _weights(model: Any) -> dict[str, torch.Tensor]:
    convert: Any = convert_state_dict_to_diffusers
    weights: dict[str, torch.Tensor] = convert(get_peft_model_state_dict(model))
    return {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}


def _metadata(model: Any) -> dict[str, Any]:
    # Sets have no fixed order between processes; the same training must write the same bytes.
    settings = model.peft_config[_NAME].to_dict()
    return {key: sorted(value) if isinstance(value, set) else value for key, value in settings.items()}
