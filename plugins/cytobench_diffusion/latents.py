"""Shots as the diffusion model sees them: latents of resized, cropped images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms.v2 import functional


class ShotLatents:
    """Latents of shots: shorter side resized to ``resolution``, a random square crop, the VAE's posterior.

    ``images`` are RGB uint8 (height, width, 3). Where every resized image is square there is nothing to crop,
    and the VAE encodes each image only once; the posterior is still sampled anew each time.
    """

    def __init__(self, images: Sequence[NDArray[np.uint8]], vae: Any, resolution: int) -> None:
        self._vae = vae
        self._resolution = resolution
        self._images = [_resized(image, resolution) for image in images]
        square = all(image.shape[1:] == (resolution, resolution) for image in self._images)
        self._moments = [self._encode(image) for image in self._images] if square else None

    def draw(self, rows: Sequence[int], random: torch.Generator) -> torch.Tensor:
        """Latents of these images, scaled for the UNet: float32 (n, channels, height, width).

        ``random`` is a CPU generator; the same state draws the same crops and samples on every device.
        """
        if self._moments is not None:
            moments = [self._moments[row] for row in rows]
        else:
            moments = [self._encode(self._crop(self._images[row], random)) for row in rows]
        mean = torch.stack([mean for mean, _ in moments])
        std = torch.stack([std for _, std in moments])
        noise = torch.randn(mean.shape, generator=random).to(mean.device)
        scaled: torch.Tensor = (mean + std * noise) * self._vae.config.scaling_factor
        return scaled

    def _crop(self, image: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        side = self._resolution
        top, left = (
            int(torch.randint(free + 1, (), generator=random)) for free in (n - side for n in image.shape[1:])
        )
        return image[:, top : top + side, left : left + side]

    @torch.no_grad()
    def _encode(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = image.to(self._vae.device, self._vae.dtype) / 127.5 - 1
        posterior = self._vae.encode(pixels[None]).latent_dist
        return posterior.mean[0].float(), posterior.std[0].float()


def _resized(image: NDArray[np.uint8], resolution: int) -> torch.Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
    resized: torch.Tensor = functional.resize(pixels, [resolution], antialias=True)
    return resized
