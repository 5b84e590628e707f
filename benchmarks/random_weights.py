"""Stable Diffusion 2.1 and CLIP filled with random numbers, and cells to feed them: nothing is downloaded.

What is saved has the files and tensors of the published weights, in the layouts of the Hub, so that everything reads it
as it reads those; what it draws and says is noise. :data:`TOY` is the same in small, for a CPU.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import open_clip
import torch
from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from open_clip.model import CLIP
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from cytobench_diffusion.quiet import quiet
from cytobench_diffusion.single_file import SD21_BASE, clip_tokenizer
from cytobench_phantom.dataset import draw

PARTS = {
    "unet": "unet/diffusion_pytorch_model.safetensors",
    "text_encoder": "text_encoder/model.safetensors",
    "vae": "vae/diffusion_pytorch_model.safetensors",
}
"""The weights of a pipeline, by part, inside its folder."""
VIT_B_32 = "ViT-B-32-quickgelu"


@dataclass(frozen=True)
class Shapes:
    """What differs from Stable Diffusion 2.1 base, by part, and open_clip's description of the CLIP."""

    clip: Mapping[str, Any]
    unet: Mapping[str, Any] = field(default_factory=dict)
    vae: Mapping[str, Any] = field(default_factory=dict)
    text_encoder: Mapping[str, Any] = field(default_factory=dict)


PAPER = Shapes(clip=open_clip.get_model_config(VIT_B_32))
TOY = Shapes(
    unet={
        "sample_size": 8,
        "block_out_channels": (16, 16),
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "layers_per_block": 1,
        "attention_head_dim": 2,
        "cross_attention_dim": 16,
        "norm_num_groups": 4,
    },
    vae={
        "sample_size": 16,
        "block_out_channels": (8, 16),
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "layers_per_block": 1,
        "norm_num_groups": 4,
    },
    text_encoder={
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "projection_dim": 16,
    },
    clip={
        "embed_dim": 16,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    },
)


def save_diffusion(folder: Path, shapes: Shapes, seed: int = 0) -> None:
    """Write a pipeline as ``StableDiffusionPipeline.save_pretrained`` does, float16 safetensors."""
    unet: Any = UNet2DConditionModel
    vae: Any = AutoencoderKL
    scheduler: Any = PNDMScheduler
    text_encoder: Any = CLIPTextModel
    pipeline: Any = StableDiffusionPipeline
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        text_config = CLIPTextConfig(**(_published("text_encoder/config.json") | dict(shapes.text_encoder)))
        pipe = pipeline(
            unet=unet.from_config(_published("unet/config.json") | dict(shapes.unet)).half(),
            vae=vae.from_config(_published("vae/config.json") | dict(shapes.vae)).half(),
            text_encoder=text_encoder(text_config).half(),
            tokenizer=clip_tokenizer(),
            scheduler=scheduler.from_config(_published("scheduler/scheduler_config.json")),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipe.save_pretrained(folder)


def save_clip(folder: Path, shapes: Shapes, seed: int = 0) -> None:
    """Write a CLIP in open_clip's layout: its description and float32 safetensors."""
    folder.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CLIP(**shapes.clip)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": shapes.clip, "preprocess_cfg": {}}))
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / "open_clip_model.safetensors")


def save_cells(folder: Path, labels: Sequence[str], count: int, side: int) -> None:
    """Write ``count`` drawn cells of each class as ``folder/LABEL/N.png``, ``side`` pixels wide."""
    for label in labels:
        (folder / label).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(draw(label, index, 1, side)).save(folder / label / f"{index}.png")


def sizes(file: Path, prefix: str = "") -> tuple[int, int, set[str]]:
    """Of a safetensors file's tensors whose names begin with ``prefix``: their numbers, how many, and dtypes."""
    with safe_open(file, framework="pt") as tensors:
        slices = [tensors.get_slice(name) for name in tensors.keys() if name.startswith(prefix)]  # noqa: SIM118
        numbers = sum(math.prod(tensor.get_shape()) for tensor in slices)
        return numbers, len(slices), {tensor.get_dtype() for tensor in slices}


def _published(name: str) -> dict[str, Any]:
    """A configuration of Stable Diffusion 2.1 base, as it comes with the plugin."""
    config: dict[str, Any] = json.loads((SD21_BASE / name).read_text())
    return config
