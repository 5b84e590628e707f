"""Tune one LoRA adapter on a few shots: noise-prediction mean squared error on UNet and text encoder."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from diffusers import DDPMScheduler
from torch.nn import functional

from cytobench.context import Context
from cytobench.errors import CytobenchError, setting
from cytobench.images import Images
from cytobench_diffusion.adapter import attach_adapter
from cytobench_diffusion.config import LoraFitConfig
from cytobench_diffusion.latents import ShotLatents
from cytobench_diffusion.pipeline import LoadedPipeline


def train_adapter(loaded: LoadedPipeline, shots: Images, config: LoraFitConfig, ctx: Context) -> list[float]:
    """Put a new adapter on the pipeline and train it; return the loss of each step. The adapter stays on.

    Everything random comes from ``ctx.seed``, drawn on the CPU. Raises
    :class:`~cytobench.errors.CytobenchError` if the loss is no longer a number.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(ctx.seed)
        parameters = attach_adapter(loaded.pipe, config)
        return _train(loaded, parameters, shots, config, ctx)


def _train(
    loaded: LoadedPipeline,
    parameters: list[torch.nn.Parameter],
    shots: Images,
    config: LoraFitConfig,
    ctx: Context,
) -> list[float]:
    pipe, device = loaded.pipe, loaded.device
    random = torch.Generator().manual_seed(ctx.seed)
    latents = ShotLatents([shots[i] for i in range(len(shots))], pipe.vae, config.resolution)
    prompts = _Prompts(list(shots.table["prompt"]), loaded, config.train_text_encoder)
    scheduler: Any = DDPMScheduler
    noising = scheduler.from_config(pipe.scheduler.config)
    optimizer = torch.optim.AdamW(
        parameters, lr=config.lr, betas=config.betas, weight_decay=config.weight_decay, eps=config.eps
    )
    scaler = torch.amp.GradScaler(device.type, enabled=loaded.dtype == torch.float16)
    mixed = torch.autocast(device.type, dtype=loaded.dtype, enabled=loaded.dtype != torch.float32)
    pipe.unet.train()
    pipe.text_encoder.train(config.train_text_encoder)
    if config.gradient_checkpointing:
        pipe.unet.enable_gradient_checkpointing()

    total = config.optimizer_steps(len(shots), shots.classes)
    losses = []
    for step, rows in enumerate(_batches(len(shots), config.train_batch_size, total, random)):
        ctx.check_stop()
        for group in optimizer.param_groups:
            group["lr"] = config.lr * warmup_cosine(step, config.warmup_steps, total)
        clean = latents.draw(rows, random)
        noise = torch.randn(clean.shape, generator=random).to(device)
        times = torch.randint(noising.config.num_train_timesteps, (len(rows),), generator=random).to(device)
        with mixed:
            noisy = noising.add_noise(clean, noise, times).to(loaded.dtype)
            predicted = pipe.unet(noisy, times, prompts.embed(rows), return_dict=False)[0]
        loss = functional.mse_loss(predicted.float(), training_target(noising, clean, noise, times))
        torch.autograd.backward(scaler.scale(loss))
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(parameters, config.max_grad_norm)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.detach())
        ctx.progress(step + 1, total)
    curve = torch.stack(losses).tolist()
    bad = [step for step, value in enumerate(curve) if not math.isfinite(value)]
    if bad:
        raise CytobenchError(
            f"sd21-lora: the training loss is {curve[bad[0]]} at step {bad[0] + 1} of {total}. "
            f"Lower the learning rate, now {config.lr}: {setting('sd21-lora', 'lr', float(f'{config.lr / 10:g}'))}."
        )
    return curve


def training_target(
    scheduler: Any, clean: torch.Tensor, noise: torch.Tensor, times: torch.Tensor
) -> torch.Tensor:
    """What the UNet is to predict by ``scheduler.config.prediction_type``, (n, channels, height, width)."""
    kind = scheduler.config.prediction_type
    if kind == "epsilon":
        return noise
    if kind == "v_prediction":
        velocity: torch.Tensor = scheduler.get_velocity(clean, noise, times)
        return velocity
    if kind == "sample":
        return clean
    raise CytobenchError(
        f"sd21-lora.weights: the pipeline's prediction_type is {kind}; "
        f"sd21-lora can tune epsilon, v_prediction and sample."
    )


def warmup_cosine(step: int, warmup: int, total: int) -> float:
    """Factor on the learning rate at ``step`` (from 0): linear from 0 over ``warmup``, then a cosine to 0."""
    if step < warmup:
        return step / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def _batches(images: int, size: int, steps: int, random: torch.Generator) -> Iterator[list[int]]:
    """Row numbers of ``steps`` batches: pass after pass, each in a new order."""
    done = 0
    while True:
        order = torch.randperm(images, generator=random).tolist()
        for start in range(0, images, size):
            if done == steps:
                return
            yield order[start : start + size]
            done += 1


class _Prompts:
    """Prompt embeddings of the shots. Shots that share a prompt share one pass through the text encoder."""

    def __init__(self, prompts: list[str], loaded: LoadedPipeline, trained: bool) -> None:
        distinct = list(dict.fromkeys(prompts))
        tokenizer = loaded.pipe.tokenizer
        tokens = tokenizer(
            distinct,
            padding="max_length",
            max_length=tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        self._encoder = loaded.pipe.text_encoder
        self._tokens = tokens.input_ids.to(loaded.device)
        self._which = torch.tensor([distinct.index(prompt) for prompt in prompts])
        self._fixed: torch.Tensor | None = None
        if not trained:
            with torch.no_grad():
                self._fixed = self._encoder(self._tokens)[0]

    def embed(self, rows: list[int]) -> torch.Tensor:
        """Embeddings of these shots' prompts, (n, tokens, width)."""
        which = self._which[rows].to(self._tokens.device)
        if self._fixed is not None:
            return self._fixed[which]
        distinct, inverse = torch.unique(which, return_inverse=True)
        embeddings: torch.Tensor = self._encoder(self._tokens[distinct])[0]
        return embeddings[inverse]
