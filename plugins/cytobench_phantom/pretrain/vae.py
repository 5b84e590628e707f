"""The pocket autoencoder: 64 x 64 pixels to 8 x 16 x 16 latents and back."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch.nn import functional

from cytobench_phantom.pretrain.training import TimeLimit, averaged, descend, flip, to_pixels

Vae = Any
"""An ``AutoencoderKL``; diffusers' models carry no types."""

log = logging.getLogger(__name__)

BATCH = 16
PEAK_RATE = 2e-3
KL_WEIGHT = 1e-6
LOG_VARIANCE = -14.0
"""Log of the latents' variance in the trained model: a standard deviation of 0.001."""
CHANNELS = 8
"""Of the latents, twice Stable Diffusion's: with four, granules and chromatin are lost at this resolution."""
HELD_OUT = 512
"""The last images of the pool, on which no step trains and the error is measured."""


def build_vae() -> Vae:
    """An untrained autoencoder."""
    factory: Vae = AutoencoderKL
    return factory(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=8,
        sample_size=64,
        mid_block_add_attention=False,
        scaling_factor=1.0,
    )


def train_vae(images: NDArray[np.uint8], seconds: float, seed: int) -> Vae:
    """Train on images (n, 64, 64, 3) for ``seconds``; latents of the result have mean 0 and deviation 1."""
    generator = torch.Generator().manual_seed(seed)
    data = torch.from_numpy(images)
    model = build_vae().to(memory_format=torch.channels_last)
    average = averaged(model, 0.998)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=1e-4)
    for step, share in TimeLimit(seconds, optimizer, PEAK_RATE):
        chosen = torch.randint(len(data) - HELD_OUT, (BATCH,), generator=generator)
        pixels = _recolour(flip(to_pixels(data[chosen]), generator), generator)
        posterior = model.encode(pixels).latent_dist
        restored = model.decode(posterior.sample(generator=generator)).sample
        loss = _error(restored, pixels) + KL_WEIGHT * posterior.kl().mean()
        descend(loss, model.parameters(), optimizer)
        average.update_parameters(model)
        if step % 100 == 0:
            log.info("vae step %d, %.0f %% of the time, loss %.4f", step, 100 * share, loss.item())
    trained: Vae = average.module.eval()
    log.info("vae: %d steps, PSNR %.2f dB", step + 1, peak_signal_to_noise(trained, images[-HELD_OUT:]))
    _standardise(trained, data[:2048])
    return trained


def encode(vae: Vae, images: NDArray[np.uint8] | torch.Tensor) -> torch.Tensor:
    """Latent means, float32 (n, 8, 16, 16), of images (n, 64, 64, 3)."""
    data = torch.as_tensor(images)
    with torch.no_grad():
        return torch.cat([vae.encode(to_pixels(part)).latent_dist.mean for part in torch.split(data, 64)])


def peak_signal_to_noise(vae: Vae, images: NDArray[np.uint8]) -> float:
    """PSNR in dB of the images after encoding and decoding, from the mean squared error over all of them."""
    errors = []
    with torch.no_grad():
        for part in torch.split(torch.from_numpy(images), 64):
            pixels = to_pixels(part)
            restored = vae.decode(vae.encode(pixels).latent_dist.mean).sample.clamp(-1, 1)
            errors.append(((restored - pixels) / 2).square().mean((1, 2, 3)))
    return float(-10 * torch.cat(errors).mean().log10())


def _error(restored: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """Of the pixels, and again of what a blur takes away: granules and chromatin are few pixels and little contrast."""
    coarse = functional.smooth_l1_loss(restored, pixels, beta=0.1)
    return coarse + functional.smooth_l1_loss(_detail(restored), _detail(pixels), beta=0.1)


def _detail(pixels: torch.Tensor) -> torch.Tensor:
    return pixels - functional.avg_pool2d(pixels, 3, stride=1, padding=1, count_include_pad=False)


def _recolour(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Scale each channel's absorption of half the images, so that stains never seen are coded as well."""
    scale = torch.empty(len(pixels), 3, 1, 1).uniform_(0.5, 1.5, generator=generator)
    scale[: len(pixels) // 2] = 1
    return (1 - (1 - pixels) * scale).clamp(min=-1)


@torch.no_grad()
def _standardise(vae: Vae, images: torch.Tensor) -> None:
    """Fold mean and deviation of every latent channel into the two 1 x 1 convolutions around the latents."""
    latents = encode(vae, images)
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    before, after = vae.quant_conv, vae.post_quant_conv
    channels = len(mean)
    before.weight[:channels] /= deviation[:, None, None, None]
    before.bias[:channels] = (before.bias[:channels] - mean) / deviation
    # The denoiser sees means alone, so the posterior of the shipped weights is as good as a point.
    before.weight[channels:] = 0
    before.bias[channels:] = LOG_VARIANCE
    after.bias += after.weight[:, :, 0, 0] @ mean
    after.weight *= deviation[None, :, None, None]
