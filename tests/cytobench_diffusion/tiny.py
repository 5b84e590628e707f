"""A randomly initialised Stable Diffusion of a few thousand parameters, and what a stage needs around it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from numpy.typing import NDArray
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from cytobench.assets import resolve_asset
from cytobench.context import Context
from cytobench.contract import Request
from cytobench.images import Images
from cytobench_diffusion.config import BaselineConfig

SIDE = 16
WIDTH = 16
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def tiny_pipeline(prediction: str = "epsilon") -> StableDiffusionPipeline:
    """The classes of Stable Diffusion 2.1 at toy size: 16 px, latents (4, 8, 8), always the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vae = AutoencoderKL(
            block_out_channels=(8, 16),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=4,
            sample_size=SIDE,
        )
        unet = UNet2DConditionModel(
            sample_size=SIDE // 2,
            block_out_channels=(16, 16),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            attention_head_dim=2,
            cross_attention_dim=WIDTH,
            norm_num_groups=4,
            use_linear_projection=True,
        )
        text = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=2 + 2 * len(LETTERS),
                hidden_size=WIDTH,
                intermediate_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=77,
                bos_token_id=0,
                eos_token_id=1,
                pad_token_id=1,
            )
        )
    words = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    tokenizer = CLIPTokenizer(vocab={w: i for i, w in enumerate(words)}, merges=[], model_max_length=77)
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction,
    )
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


@dataclass(frozen=True)
class Array:
    """An image in memory."""

    array: NDArray[np.uint8]

    def read(self) -> NDArray[np.uint8]:
        """The image."""
        return self.array


def shots(label: str = "A", count: int = 5, shape: tuple[int, int] = (24, 24), seed: int = 0) -> Images:
    """Random pictures of one class."""
    random = np.random.default_rng(seed)
    pictures = [Array(random.integers(0, 256, (*shape, 3), dtype=np.uint8)) for _ in range(count)]
    prompt = f"a cell {label.lower()}"
    table = pd.DataFrame({"label": [label] * count, "prompt": [prompt] * count, "synthetic": [False] * count})
    return Images(table, ("A", "B"), {"A": "a cell a", "B": "a cell b"}, pictures)


def context(weights: Path, out: Path, **changes: Any) -> Context:
    """A context on the CPU whose asset ``weights`` is this folder or file."""
    out.mkdir(parents=True, exist_ok=True)
    asset = resolve_asset(BaselineConfig(weights=str(weights)).assets()["weights"], "sd21-lora.weights")
    settings: dict[str, Any] = {"seed": 1, "device": "cpu", "dtype": "float32", "assets": {"weights": asset}}
    return Context(out=out, **(settings | changes))


def requests(count: int, label: str = "A") -> list[Request]:
    """The first images of a class."""
    return [Request(label, f"a cell {label.lower()}", index, 1000 + index) for index in range(count)]


def weights_of(pipe: StableDiffusionPipeline) -> dict[str, torch.Tensor]:
    """Every tensor of UNet and text encoder by its name, which shows adapters that were left behind."""
    return {
        f"{part}.{name}": tensor.clone()
        for part in ("unet", "text_encoder")
        for name, tensor in getattr(pipe, part).state_dict().items()
    }
