"""Colour changes of whole batches, with other parameters for each image. All images are float in 0 .. 1."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_GREY = (0.2989, 0.587, 0.114)
"""Luma weights of ITU-R 601, as torchvision's ``rgb_to_grayscale`` has them."""

# Ruifrok and Johnston, "Quantification of histochemical staining by color deconvolution" (2001): optical
# densities of haematoxylin, eosin and DAB in red, green and blue; the numbers of skimage.color.rgb_from_hed.
_RGB_FROM_HED = ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78))
_DARKEST = 1e-6
_DENSITY = -math.log(_DARKEST)


def brighten(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply images (n, 3, height, width) by ``factor`` (n,), clipped to 0 .. 1, as torchvision does."""
    return (images * _each(factor)).clamp_(0, 1)


def saturate(images: Tensor, factor: Tensor) -> Tensor:
    """Blend images (n, 3, height, width) with their grey ones, clipped to 0 .. 1, as torchvision does.

    ``factor`` is (n,): 0 is grey, 1 changes nothing.
    """
    grey = torch.einsum("nchw,c->nhw", images, images.new_tensor(_GREY)).unsqueeze(1)
    return torch.lerp(grey, images, _each(factor)).clamp_(0, 1)


def turn_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue of images (n, 3, height, width) by ``turn`` (n,) circles, as torchvision does."""
    return shift_hsv(images, turn, torch.ones_like(turn))


def shift_hsv(images: Tensor, hue: Tensor, saturation: Tensor) -> Tensor:
    """Turn the hue by ``hue`` (n,) circles, multiply the saturation of HSV by ``saturation`` (n,) from 0 up.

    ``images`` is (n, 3, height, width); saturation stops at 1.
    """
    red, green, blue = images.unbind(1)
    value, largest = images.max(1)
    chroma = value - images.amin(1)
    safe = chroma.clamp(min=1e-8)
    sector = torch.where(largest == 1, 2 + (blue - red) / safe, 4 + (red - green) / safe)
    sector = torch.where(largest == 0, (green - blue) / safe, sector)
    sector += 6 * hue[:, None, None]
    # chroma = value * saturation, and saturation stays at or below 1
    chroma = torch.minimum(chroma * saturation[:, None, None], value)
    offsets = images.new_tensor((5.0, 3.0, 1.0)).view(1, 3, 1, 1)
    k = torch.remainder(sector.unsqueeze(1) + offsets, 6)
    return value.unsqueeze(1) - chroma.unsqueeze(1) * torch.minimum(k, 4 - k).clamp_(0, 1)


def jitter_stain(images: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Multiply each stain by ``scale`` and add ``shift`` in the HED space of skimage, clipped to 0 .. 1.

    ``images`` is (n, 3, height, width); ``scale`` and ``shift`` are (n, 3), 1 and 0 change (almost) nothing.
    """
    to_rgb = torch.tensor(_RGB_FROM_HED, dtype=torch.float64)
    to_hed = torch.linalg.inv(to_rgb).to(images)
    flat = images.flatten(2).clamp(min=_DARKEST).log_().div_(-_DENSITY)
    stains = (to_hed.T @ flat).clamp_(min=0)
    stains = torch.addcmul(shift.unsqueeze(2), stains, scale.unsqueeze(2))
    densities = to_rgb.to(images).T @ stains
    return densities.mul_(-_DENSITY).exp_().clamp_(0, 1).view_as(images)


def _each(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)
