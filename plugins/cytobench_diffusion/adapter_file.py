"""Read a LoRA adapter file whole: every tensor finds its layer, or the file is refused.

Formats that map without loss, by the names of their tensors:

- diffusers: ``unet.MODULE.lora_A.weight`` or ``.lora.down.weight``, with or without ``unet.`` and ``text_encoder.``;
- its older attention processors: ``...attn1.processor.to_q_lora.down.weight``;
- peft: ``base_model.model.MODULE.lora_A.weight``, with alpha in ``adapter_config.json`` (Mangrulkar et al., peft);
- kohya and LyCORIS: ``lora_unet_MODULE_WITH_UNDERSCORES.lora_down.weight``, with ``.alpha`` and ``.dora_scale``.

Names are looked up among the layers of the very model, so that no name is translated by guesswork.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft.utils.other import get_pattern_key
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from cytobench.errors import CytobenchError
from cytobench_diffusion.adapter_place import PEFT_CONFIG, PEFT_FILE

PARTS = ("unet", "text_encoder")
_METADATA = "lora_adapter_metadata"

_ROLES = {
    "lora_A": "down",
    "lora.down": "down",
    "lora_linear_layer.down": "down",
    "lora_down": "down",
    "lora_B": "up",
    "lora.up": "up",
    "lora_linear_layer.up": "up",
    "lora_up": "up",
    "alpha": "alpha",
    "dora_scale": "magnitude",
    "lora_magnitude_vector": "magnitude",
}
_NAME = re.compile(
    r"(?P<module>.+?)(?:\.|_(?=lora\.(?:down|up)))"
    rf"(?P<role>{'|'.join(re.escape(role) for role in _ROLES)})(?:\.default)?(?:\.weight)?"
)
_PREFIXES = (("lora_unet_", "unet"), ("lora_te1_", "text_encoder"), ("lora_te_", "text_encoder"))
_PROCESSOR = {"to_q": ("to_q", "q_proj"), "to_k": ("to_k", "k_proj"), "to_v": ("to_v", "v_proj")} | {
    "to_out": ("to_out.0", "out_proj")
}
_STRANGERS = (
    (r"lora_te2_|text_encoder_2\.", "an adapter of SDXL, which has a second text encoder"),
    (r"double_blocks|single_blocks|single_transformer_blocks", "an adapter of Flux"),
    (r"(^|\.)transformer\.|lora_transformer_|transformer_blocks\.\d+\.attn\.", "an adapter of a transformer model"),
    (r"\.hada_|\.lokr_|\.oft_|\.boft_|\.diff$|\.lora_mid", "LyCORIS in a form that is no plain LoRA (LoHa, LoKr, OFT)"),
    (r"input_blocks|middle_block|output_blocks", "layers by names of the original layout, as SDXL has them"),
    (r"lora_B(\.default)?\.bias$|modules_to_save", "weights that are no low-rank pair, a bias for example"),
)
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq")
"""Beginnings of peft's ``init_lora_weights`` that change the base model's weights as well."""


@dataclass(frozen=True)
class LoraLayer:
    """One adapted layer: its weight W becomes W + scale * up @ down (Hu et al. 2021).

    ``down`` (rank, inputs[, height, width]) and ``up`` (outputs, rank[, 1, 1]); with a ``magnitude`` (outputs) the rows
    of the sum are scaled to these norms (DoRA, Liu et al. 2024).
    """

    down: Tensor
    up: Tensor
    scale: float
    magnitude: Tensor | None = None

    @property
    def rank(self) -> int:
        """Rank of the update."""
        return self.down.shape[0]


class _Part:
    """One model's layers that LoRA can adapt, by all the names that files give them."""

    def __init__(self, model: nn.Module) -> None:
        self.layers: dict[str, nn.Module] = {
            name: module for name, module in model.named_modules() if isinstance(module, (nn.Linear, nn.Conv2d))
        }
        start = "text_model."  # which transformers 5 no longer writes
        self._known: dict[str, str] = {
            name.removeprefix(start) if name.startswith(start) else f"{start}{name}": name for name in self.layers
        } | {name: name for name in self.layers}
        self._flat = {alias.replace(".", "_"): name for alias, name in self._known.items()}

    def named(self, name: str) -> str | None:
        """The layer of this name, or of the name that attention processors had."""
        if name in self._known:
            return self._known[name]
        parent, _, last = name.replace(".processor.", ".").rpartition(".")
        for candidate in _PROCESSOR.get(last.removesuffix("_lora"), ()):
            if f"{parent}.{candidate}" in self._known:
                return self._known[f"{parent}.{candidate}"]
        return None

    def flat(self, name: str) -> str | None:
        """The layer of this name with underscores for dots."""
        return self._flat.get(name)


@dataclass
class _Tensors:
    """The tensors of one layer by role, with their names in the file."""

    by_role: dict[str, Tensor] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


def read_adapter(file: Path, models: Mapping[str, nn.Module], base: str) -> dict[str, dict[str, LoraLayer]]:
    """The layers of ``unet`` and ``text_encoder`` (``models``, which wear no adapter) that a file adapts, by module.

    ``base`` is what messages call the models. Beside a file of peft its ``adapter_config.json`` is read. Raises
    :class:`~cytobench.errors.CytobenchError`, in five lines at most, where not every tensor can be used.
    """
    tensors, metadata = _load(file)
    parts = {part: _Part(models[part]) for part in PARTS}
    taken: dict[tuple[str, str], _Tensors] = {}
    strangers = []
    for name, tensor in tensors.items():
        place = _place(name, parts)
        if place is None:
            strangers.append(name)
            continue
        part, module, role = place
        entry = taken.setdefault((part, module), _Tensors())
        if role in entry.by_role:
            raise _refused(file, f"two tensors are the {role} of {part}.{module}: {entry.names[-1]} and {name}.")
        entry.by_role[role] = tensor
        entry.names.append(name)
    if strangers:
        raise _refused(file, *_unknown(strangers, tensors, parts, base))
    scales = _Scales(file, metadata)
    adapted: dict[str, dict[str, LoraLayer]] = {part: {} for part in PARTS}
    for (part, module), entry in taken.items():
        adapted[part][module] = _layer(file, part, module, entry, parts[part].layers[module], scales, base)
    dora = {layer.magnitude is not None for part in adapted.values() for layer in part.values()}
    if len(dora) > 1:
        raise _refused(file, "some of its layers have a DoRA scale and others none, which peft cannot put on together.")
    return adapted


def _load(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = dict(opened.metadata() or {})
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise _refused(file, f"it is no safetensors file, or damaged ({error}).") from error
    if not tensors:
        raise _refused(file, "it holds no tensor.")
    bad = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if bad:
        raise _refused(
            file,
            f"{len(bad)} of {len(tensors)} tensors hold NaN or infinity, {bad[0]} for example.",
            "Its training has failed, or it was cut to half precision: save an earlier step of it.",
        )
    return tensors, metadata


def _place(name: str, parts: Mapping[str, _Part]) -> tuple[str, str, str] | None:
    """Part, module and role of a tensor by its name; None where the models have no such layer."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    module, role = match["module"].removeprefix("base_model.model."), _ROLES[match["role"]]
    for prefix, part in _PREFIXES:
        if module.startswith(prefix):
            layer = parts[part].flat(module.removeprefix(prefix))
            return None if layer is None else (part, layer, role)
    for part in PARTS:
        if module.startswith(f"{part}."):
            layer = parts[part].named(module.removeprefix(f"{part}."))
            return None if layer is None else (part, layer, role)
    for part in PARTS:  # the file names neither; the two models share no name of a layer
        layer = parts[part].named(module)
        if layer is not None:
            return part, layer, role
    return None


class _Scales:
    """alpha / rank of each layer: by its own alpha, by the file's metadata or peft's configuration, else 1."""

    def __init__(self, file: Path, metadata: Mapping[str, str]) -> None:
        self._settings: dict[str, Mapping[str, Any]] = {part: {} for part in PARTS}
        try:
            if file.name == PEFT_FILE or (file.parent / PEFT_CONFIG).is_file():
                settings = json.loads((file.parent / PEFT_CONFIG).read_text(encoding="utf-8"))
                self._settings = dict.fromkeys(PARTS, settings)
            elif _METADATA in metadata:
                described = json.loads(metadata[_METADATA])
                for part in PARTS:
                    start, items = f"{part}.", described.items()
                    self._settings[part] = {k.removeprefix(start): v for k, v in items if k.startswith(start)}
            for settings in self._settings.values():
                self._check(file, settings)
        except FileNotFoundError as error:
            raise _refused(
                file, f"{PEFT_CONFIG} is not beside it, which says how strongly it is applied (lora_alpha)."
            ) from error
        except (ValueError, AttributeError, TypeError) as error:
            raise _refused(file, f"what it says of itself cannot be read: {error}.") from error

    def of(self, part: str, module: str, rank: int, alpha: float | None) -> float:
        """The factor on ``up @ down``."""
        settings = self._settings[part]
        if alpha is None:
            pattern: Mapping[str, Any] = settings.get("alpha_pattern") or {}
            alpha = pattern.get(get_pattern_key(list(pattern), module), settings.get("lora_alpha"))
        if alpha is None:
            return 1.0
        return float(alpha) / (math.sqrt(rank) if settings.get("use_rslora") else rank)

    @staticmethod
    def _check(file: Path, settings: Mapping[str, Any]) -> None:
        kind = settings.get("peft_type") or "LORA"
        if str(kind).rpartition(".")[2] != "LORA":
            raise _refused(file, f"{PEFT_CONFIG} says that it is {kind}, and only LORA can be loaded.")
        start = settings.get("init_lora_weights")
        if isinstance(start, str) and start.startswith(_CHANGES_BASE):
            raise _refused(file, f"it was begun by {start}, which changes the base model too. Convert it first.")


def _layer(
    file: Path, part: str, module: str, entry: _Tensors, target: nn.Module, scales: _Scales, base: str
) -> LoraLayer:
    roles = dict(entry.by_role)
    where = f"{part}.{module}"
    if "down" not in roles or "up" not in roles:
        lacking = "down (lora_A)" if "down" not in roles else "up (lora_B)"
        raise _refused(file, f"the layer {where} has {entry.names[0]}, and its {lacking} is not there.")
    down, up = (_shaped(roles[role], target) for role in ("down", "up"))
    weight: Any = target.weight
    rank = down.shape[0]
    tail = weight.shape[2:]
    expected = (rank, weight.shape[1], *tail), (weight.shape[0], rank, *(1 for _ in tail))
    if (tuple(down.shape), tuple(up.shape)) != expected:
        raise _refused(
            file,
            f"{where} has other shapes in {base}.",
            f"found: {tuple(down.shape)} and {tuple(up.shape)} ({entry.names[0]})",
            f"expected for this rank: {expected[0]} and {expected[1]}",
            f"It was tuned on another base model{_guess(module, down)}: give the weights that it was tuned on.",
        )
    alpha = roles.get("alpha")
    if alpha is not None and alpha.numel() != 1:
        raise _refused(file, f"the alpha of {where} is not one number but {tuple(alpha.shape)}.")
    scale = scales.of(part, module, rank, None if alpha is None else float(alpha.item()))
    magnitude = roles.get("magnitude")
    if magnitude is not None:
        shape = (1, *magnitude.shape[1:]) if magnitude.ndim == 4 and magnitude.shape[0] == 1 else magnitude.shape
        outputs = weight.shape[0]
        along_outputs = magnitude.shape[0] == outputs or (magnitude.ndim == 4 and shape[1] == outputs)
        if magnitude.numel() != outputs or not along_outputs:
            raise _refused(
                file,
                f"the DoRA scale of {where} is {tuple(magnitude.shape)}, and peft applies one number an output, "
                f"({outputs},). One an input cannot be loaded.",
            )
        magnitude = magnitude.flatten().float()
    return LoraLayer(down, up, scale, magnitude)


def _guess(module: str, down: Tensor) -> str:
    """The family of Stable Diffusion that an adapter is of, by the width of the texts that its UNet reads."""
    width = down.shape[1] if module.endswith("attn2.to_k") or module.endswith("attn2.to_v") else 0
    family = {768: "Stable Diffusion 1", 1024: "Stable Diffusion 2", 2048: "SDXL"}.get(width)
    return f" ({family}, by its width of {width})" if family else ""


def _shaped(tensor: Tensor, target: nn.Module) -> Tensor:
    """Between a linear layer and a convolution of one pixel, which are the same thing."""
    if isinstance(target, nn.Linear) and tensor.ndim == 4 and tensor.shape[2:] == (1, 1):
        return tensor[:, :, 0, 0]
    if isinstance(target, nn.Conv2d) and tensor.ndim == 2:
        return tensor[:, :, None, None]
    return tensor


def _unknown(strangers: list[str], tensors: Mapping[str, Tensor], parts: Mapping[str, _Part], base: str) -> list[str]:
    """What is said of names that no layer has."""
    known = next((what for pattern, what in _STRANGERS if any(re.search(pattern, name) for name in strangers)), "")
    layers = parts["unet"].layers
    example = next((name for name in layers if name.endswith("to_q")), next(iter(layers), ""))
    return [
        f"{len(strangers)} of {len(tensors)} tensors belong to no layer of {base}, so it would not be loaded whole.",
        f"found: {strangers[0]} {tuple(tensors[strangers[0]].shape)}{f': {known}' if known else ''}",
        f"expected: unet.{example}.lora_A.weight, for example, or the same layer in the names of peft or kohya",
        "Give an adapter that was tuned on these weights, or the weights that it was tuned on.",
    ]


def _refused(file: Path, *lines: str) -> CytobenchError:
    return CytobenchError("\n  ".join([f"sd21-lora: the adapter {file} is refused: {lines[0]}", *lines[1:]]))
