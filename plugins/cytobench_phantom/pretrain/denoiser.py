"""The pocket UNet: latents of wild cells, described by their attributes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from cytobench_phantom.pretrain.text import WIDTH
from cytobench_phantom.pretrain.tokenizer import tokenize
from cytobench_phantom.pretrain.training import TimeLimit, averaged, descend, mixed_precision
from cytobench_phantom.pretrain.vae import CHANNELS
from cytobench_phantom.pretrain.wording import draw_prompts

Unet = Any
Scheduler = Any
"""``UNet2DConditionModel`` and ``DDPMScheduler``; diffusers' classes carry no types."""

log = logging.getLogger(__name__)

BATCH = 32
PEAK_RATE = 1.5e-3
NOISY = 600
"""Half of a batch is drawn from this time on, where the prompt decides what is drawn."""
EMPTY_SHARE, NAMED_SHARE = 0.1, 0.15
"""Shares of prompts that are empty and that name the cell by random letters."""


def build_scheduler() -> Scheduler:
    """Stable Diffusion's noise schedule brought down to no signal at its end (Lin et al. 2023), velocity as the target.

    As it is, the schedule leaves so much signal at its last step that colours and sizes, averaged over 16 x 16 latents,
    can still be read there: a denoiser then takes them from the noise it starts with and not from the prompt.
    """
    factory: Scheduler = DDPMScheduler
    return factory(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
        clip_sample=False, steps_offset=1, rescale_betas_zero_snr=True, timestep_spacing="trailing",
    )  # fmt: skip


def build_unet() -> Unet:
    """An untrained UNet: attention at the lower resolution and in the middle alone, where it is cheap.

    The prompt's embedding is also pooled and added to that of the time, as in DeepFloyd IF: cross-attention alone had
    learnt to follow little of a prompt but the size of the cell after 2,000 steps.
    """
    factory: Unet = UNet2DConditionModel
    return factory(
        sample_size=16,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        block_out_channels=(64, 128),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        attention_head_dim=(2, 4),
        cross_attention_dim=WIDTH,
        norm_num_groups=16,
        use_linear_projection=True,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )


def train_denoiser(
    latents: torch.Tensor,
    captions: list[list[str]],
    tokenizer: CLIPTokenizer,
    text_encoder: CLIPTextModel,
    seconds: float,
    seed: int,
    snapshot: Callable[[Unet], None],
    compiled: bool = False,
) -> Unet:
    """Train on latents (orientations, n, 8, 16, 16) and their captions for ``seconds``.

    The text encoder stays as it is. ``snapshot`` is called with the averaged weights every tenth of the time.
    ``compiled`` makes steps a fifth faster and needs a C++ compiler. Returns the averaged weights.
    """
    generator = torch.Generator().manual_seed(seed)
    model = build_unet().to(memory_format=torch.channels_last)
    model.set_attn_processor(AttnProcessor())  # faster here than torch's fused attention, whose backward is slow
    average = averaged(model, 0.999)
    result: Any = average.module
    if compiled:
        model.compile()
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
        times[::2] = torch.randint(NOISY, scheduler.config.num_train_timesteps, (BATCH // 2,), generator=generator)
        noisy, target = scheduler.add_noise(clean, noise, times), scheduler.get_velocity(clean, noise, times)
        with mixed_precision():
            with torch.no_grad():
                states = text_encoder(tokenize(prompts, tokenizer)).last_hidden_state
            predicted = model(noisy.to(memory_format=torch.channels_last), times, states, return_dict=False)[0]
        loss = functional.mse_loss(predicted.float(), target)
        descend(loss, model.parameters(), optimizer)
        average.update_parameters(model)
        running = loss.item() if step == 0 else 0.98 * running + 0.02 * loss.item()
        if step % 100 == 0:
            log.info("denoiser step %d, %.0f %% of the time, loss %.4f", step, 100 * share, running)
        if share * 10 >= shown + 1:
            shown = int(share * 10)
            snapshot(result)
    log.info("denoiser: %d steps, loss %.4f", step + 1, running)
    return result.eval()


def orientations(latents_of: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    """Latents, float16 (2, n, 8, 16, 16), of the images and of the images turned by a quarter."""
    return torch.stack([latents_of(view).half() for view in (images, torch.rot90(images, 1, (1, 2)))])
