"""The pocket UNet and its text encoder: latents of wild cells, described by their attributes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from cytobench_phantom.pretrain.tokenizer import tokenize
from cytobench_phantom.pretrain.training import TimeLimit, averaged, descend, mixed_precision
from cytobench_phantom.pretrain.wording import draw_prompts

Unet = Any
Scheduler = Any
"""``UNet2DConditionModel`` and ``DDPMScheduler``; diffusers' classes carry no types."""

log = logging.getLogger(__name__)

BATCH = 32
PEAK_RATE = 1.5e-3
WIDTH = 96
"""Width of the text encoder."""
EMPTY_SHARE, NAMED_SHARE = 0.1, 0.15
"""Shares of prompts that are empty and that name the cell by random letters."""


def build_scheduler() -> Scheduler:
    """The noise schedule of Stable Diffusion, with velocity as the target (Salimans and Ho 2022)."""
    factory: Scheduler = DDPMScheduler
    return factory(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
        clip_sample=False, steps_offset=1,
    )  # fmt: skip


def build_unet() -> Unet:
    """An untrained UNet: attention at the lower resolution and in the middle alone, where it is cheap."""
    factory: Unet = UNet2DConditionModel
    return factory(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=(64, 128),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        attention_head_dim=(2, 4),
        cross_attention_dim=WIDTH,
        norm_num_groups=16,
        use_linear_projection=True,
    )


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """An untrained text encoder for the tokenizer's vocabulary."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=tokenizer.model_max_length,
            projection_dim=WIDTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


class _Denoiser(nn.Module):
    """Both parts in one module, so that one average holds them."""

    def __init__(self, unet: Unet, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.unet, self.text_encoder = unet, text_encoder

    def forward(self, noisy: torch.Tensor, times: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        states = self.text_encoder(tokens).last_hidden_state
        predicted: torch.Tensor = self.unet(noisy, times, states, return_dict=False)[0]
        return predicted


def train_denoiser(
    latents: torch.Tensor,
    captions: list[list[str]],
    tokenizer: CLIPTokenizer,
    seconds: float,
    seed: int,
    snapshot: Callable[[Unet, CLIPTextModel], None],
) -> tuple[Unet, CLIPTextModel]:
    """Train on latents (orientations, n, 4, 16, 16) and their captions for ``seconds``.

    ``snapshot`` is called with the averaged weights every tenth of the time. Returns the averaged weights.
    """
    generator = torch.Generator().manual_seed(seed)
    model = _Denoiser(build_unet(), build_text_encoder(tokenizer))
    model.unet.to(memory_format=torch.channels_last)
    average = averaged(model, 0.999)
    result: Any = average.module
    scheduler = build_scheduler()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=1e-2)
    shown, running = 0, 0.0
    for step, share in TimeLimit(seconds, optimizer, PEAK_RATE):
        chosen = torch.randint(latents.shape[1], (BATCH,), generator=generator)
        view = int(torch.randint(latents.shape[0], (1,), generator=generator))
        clean = latents[view, chosen].float()
        prompts = draw_prompts([captions[i] for i in chosen.tolist()], generator, EMPTY_SHARE, NAMED_SHARE)
        noise = torch.randn(clean.shape, generator=generator)
        times = torch.randint(scheduler.config.num_train_timesteps, (BATCH,), generator=generator)
        noisy, target = scheduler.add_noise(clean, noise, times), scheduler.get_velocity(clean, noise, times)
        with mixed_precision():
            predicted = model(noisy.to(memory_format=torch.channels_last), times, tokenize(prompts, tokenizer))
        loss = functional.mse_loss(predicted.float(), target)
        descend(loss, model.parameters(), optimizer)
        average.update_parameters(model)
        running = loss.item() if step == 0 else 0.98 * running + 0.02 * loss.item()
        if step % 100 == 0:
            log.info("denoiser step %d, %.0f %% of the time, loss %.4f", step, 100 * share, running)
        if share * 10 >= shown + 1:
            shown = int(share * 10)
            snapshot(result.unet, result.text_encoder)
    log.info("denoiser: %d steps, loss %.4f", step + 1, running)
    return result.unet.eval(), result.text_encoder.eval()


def all_orientations(latents_of: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    """Latents, float16 (4, n, 4, 16, 16), of the images and of three of their mirrored and turned copies."""
    views = [images, images.flip(2), images.flip(1), torch.rot90(images, 1, (1, 2))]
    return torch.stack([latents_of(view).half() for view in views])
