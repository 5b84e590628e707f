"""The study's training augmentation, drawn anew each time an image is seen, applied to whole batches.

Torchvision's transforms take one image at a time; at 64 px their cost is mostly the overhead of many small
calls. Here each image has its own parameters, but one call serves the batch, on the device of the model. What is
drawn depends on (seed, epoch, position of the image) alone: neither on workers, nor on the order, nor on the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import v2

from cytobench.context import Corners
from cytobench_torch.colour import brighten, jitter_stain, saturate, shift_hsv, turn_hue

_TRIES = 10
_DRAWS = 2 * _TRIES + 32
_BLUR_TAPS = 3
_PADDING: Mapping[Corners, str] = {"reflected": "reflection", "black": "zeros"}


@dataclass(frozen=True)
class Normalise:
    """From uint8 (n, 3, height, width) to float32: to 0 .. 1, then by the model's mean and deviation."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: Tensor) -> Tensor:
        return self.scaled(images.float().div_(255))

    def scaled(self, images: Tensor) -> Tensor:
        """The same for float images in 0 .. 1."""
        mean, std = (images.new_tensor(values).view(1, 3, 1, 1) for values in (self.mean, self.std))
        return (images - mean) / std


@dataclass(frozen=True)
class Augmentation:
    """Random resized crop and flips; rotation, colour jitter, blur and sharpness, each by chance; recolouring.

    ``resolution`` is the side of what it returns. Order, ranges and chances are the study's, whose script has
    torchvision's transforms; docs/study.md has the table, and what differs. Rotation takes the nearest pixel; the
    corners that it opens are ``reflected``, or ``black`` as in the study. Where the study threw one coin for a whole
    data set (HSV and HED recolouring), a coin is thrown here for each image; where its HSV recolouring overwrote hue
    and saturation, it changes them here.
    """

    resolution: int
    scale: tuple[float, float] = (0.8, 1.0)
    ratio: tuple[float, float] = (0.8, 1.2)
    rotation_probability: float = 0.33
    degrees: tuple[float, float] = (0.0, 180.0)
    corners: Corners = "reflected"
    jitter_probability: float = 0.33
    brightness: float = 0.5
    saturation: float = 1.0
    hue: float = 0.3
    blur_probability: float = 0.33
    blur_sigma: tuple[float, float] = (0.1, 1.0)
    sharpness_probability: float = 0.33
    sharpness: float = 0.8
    hsv_probability: float = 0.5
    hsv_hue: float = 0.1
    hsv_saturation: float = 1.0
    stain_probability: float = 0.5
    stain: float = 0.03

    def with_colour(self, strength: float) -> Augmentation:
        """The same with the ranges of brightness, saturation and hue multiplied by ``strength`` (0 .. 1)."""
        ranges = ("brightness", "saturation", "hue", "hsv_hue", "hsv_saturation")
        return replace(self, **{name: strength * getattr(self, name) for name in ranges})

    def with_recolouring(self, hsv: float, hed: float) -> Augmentation:
        """The same with these probabilities of HSV and HED (stain) jitter."""
        return replace(self, hsv_probability=hsv, stain_probability=hed)

    @property
    def source_side(self) -> int:
        """Side to resize images to beforehand: the smallest crop still has about one source pixel a pixel."""
        return round(1.12 * self.resolution)

    def __call__(self, images: Tensor, draws: NDArray[np.float64]) -> Tensor:
        """Augment uint8 images (n, 3, side, side) with ``draws`` (n, k) of :func:`draw`.

        Returns float32 (n, 3, resolution, resolution) in 0 .. 1, on the device of ``images``.
        """
        if images.shape[-1] != images.shape[-2]:
            raise ValueError(f"square images are needed, not {tuple(images.shape)}")
        uniform = _Uniform(draws)
        out = self._cropped(images.float().div_(255), uniform)
        turned = uniform() < self.rotation_probability
        angles = uniform.between(*self.degrees)
        out = _where(turned, out, lambda picked, angle: rotate(picked, angle, self.corners), angles)
        out = self._jittered(out, uniform)
        blurred = uniform() < self.blur_probability
        out = _where(blurred, out, blur, uniform.between(*self.blur_sigma))
        sharpened = uniform() < self.sharpness_probability
        out = _where(sharpened, out, sharpen, np.full(len(out), self.sharpness))
        return self._recoloured(out, uniform)

    def _cropped(self, images: Tensor, uniform: _Uniform) -> Tensor:
        """Random resized crop and flips, as one bilinear resampling."""
        width, height = self._crop(uniform)
        left, top = uniform() * 2 - 1, uniform() * 2 - 1
        mirrored, upturned = np.sign(uniform() - 0.5), np.sign(uniform() - 0.5)
        # From an output pixel to its source, both in -1 .. 1.
        matrices = np.zeros((len(images), 2, 3), dtype=np.float32)
        matrices[:, 0, 0], matrices[:, 0, 2] = width * mirrored, left * (1 - width)
        matrices[:, 1, 1], matrices[:, 1, 2] = height * upturned, top * (1 - height)
        shape = [len(images), 3, self.resolution, self.resolution]
        grid = F.affine_grid(_like(matrices, images), shape, align_corners=False)
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)

    def _crop(self, uniform: _Uniform) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sides of the crop as fractions (n,): the first of ten tries that fits, else 1, as torchvision."""
        tries = uniform.many(2 * _TRIES)
        area = self.scale[0] + (self.scale[1] - self.scale[0]) * tries[:, :_TRIES]
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        ratio = np.exp(low + (high - low) * tries[:, _TRIES:])
        width, height = np.sqrt(area * ratio), np.sqrt(area / ratio)
        fits = (width <= 1) & (height <= 1)
        rows, first = np.arange(len(fits)), fits.argmax(1)
        any_fits = fits.any(1)
        return np.where(any_fits, width[rows, first], 1.0), np.where(any_fits, height[rows, first], 1.0)

    def _jittered(self, images: Tensor, uniform: _Uniform) -> Tensor:
        """Brightness, saturation and hue, in an order drawn for each image, as torchvision's ``ColorJitter``."""
        chosen = uniform() < self.jitter_probability
        changes = (
            (brighten, uniform.between(max(0.0, 1 - self.brightness), 1 + self.brightness)),
            (saturate, uniform.between(max(0.0, 1 - self.saturation), 1 + self.saturation)),
            (turn_hue, uniform.between(-self.hue, self.hue)),
        )
        order = uniform.many(len(changes)).argsort(1)
        for step in range(len(changes)):
            for number, (change, amounts) in enumerate(changes):
                images = _where(chosen & (order[:, step] == number), images, change, amounts)
        return images

    def _recoloured(self, images: Tensor, uniform: _Uniform) -> Tensor:
        """HSV jitter, then HED jitter."""
        chosen = uniform() < self.hsv_probability
        hue = uniform.between(-self.hsv_hue, self.hsv_hue)
        factor = 1 + uniform.between(-self.hsv_saturation, self.hsv_saturation)
        return self._stain(_where(chosen, images, shift_hsv, hue, factor), uniform)

    def _stain(self, images: Tensor, uniform: _Uniform) -> Tensor:
        """HED jitter; images that are almost black or white (mean outside 0.05 .. 0.95) are left alone."""
        chosen = _like(uniform() < self.stain_probability, images)
        scale = _like(1 + self.stain * (2 * uniform.many(3) - 1), images)
        shift = _like(self.stain * (2 * uniform.many(3) - 1), images)
        mean = images.mean((1, 2, 3))
        rows = torch.nonzero((chosen > 0) & (mean > 0.05) & (mean < 0.95)).squeeze(1)
        if not len(rows):
            return images
        return images.index_copy(0, rows, jitter_stain(images[rows], scale[rows], shift[rows]))


def rotate(images: Tensor, angle: Tensor, corners: Corners) -> Tensor:
    """Turn square images (n, 3, side, side) counter-clockwise by ``angle`` (n,) degrees, to the nearest pixel.

    As torchvision's ``rotate``, whose corners are black.
    """
    cos, sin, zero = angle.deg2rad().cos(), angle.deg2rad().sin(), torch.zeros_like(angle)
    matrices = torch.stack([torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="nearest", padding_mode=_PADDING[corners], align_corners=False)


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of images (n, 3, height, width) by ``sigma`` (n,) pixels over 3 x 3, as torchvision's."""
    taps = torch.arange(_BLUR_TAPS, device=images.device) - _BLUR_TAPS // 2
    kernel = torch.softmax(-0.5 * (taps / sigma[:, None]) ** 2, 1).repeat_interleave(3, 0)
    flat = images.flatten(0, 1).unsqueeze(0)
    groups, half = len(kernel), _BLUR_TAPS // 2
    flat = F.conv2d(F.pad(flat, (half, half, 0, 0), "reflect"), kernel[:, None, None, :], groups=groups)
    flat = F.conv2d(F.pad(flat, (0, 0, half, half), "reflect"), kernel[:, None, :, None], groups=groups)
    return flat.view_as(images)


def sharpen(images: Tensor, factor: Tensor) -> Tensor:
    """Away from the smoothed image by ``factor`` (n,), under 1 towards it; the border stays, as in torchvision."""
    inner = images[:, :, 1:-1, 1:-1]
    smooth = (9 * F.avg_pool2d(images, 3, 1) + 4 * inner) / 13
    sharp = images.clone()
    sharp[:, :, 1:-1, 1:-1] = torch.lerp(smooth, inner, factor.view(-1, 1, 1, 1)).clamp_(0, 1)
    return sharp


def draw(seed: int, epoch: int, count: int) -> NDArray[np.float64]:
    """Uniform numbers in 0 .. 1 for one epoch, (count, k); row i depends on (seed, epoch, i) alone."""
    return np.random.default_rng((seed, epoch)).random((count, _DRAWS))


class Mixer:
    """CutMix or MixUp, evenly, on a share of the batches. Draws from torch's global generator."""

    def __init__(self, classes: int, probability: float) -> None:
        self.classes = classes
        self.probability = probability
        # Both need two classes; with one class there is nothing to mix.
        self._mixes: Sequence[v2.Transform] = (
            (v2.CutMix(num_classes=classes), v2.MixUp(num_classes=classes)) if classes > 1 else ()
        )

    def __call__(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Mix images (n, 3, h, w) and targets int64 (n,); mixed targets are shares (n, classes)."""
        coin, which = torch.rand(2).tolist()
        if not self._mixes or coin >= self.probability:
            return images, targets
        mixed: tuple[Tensor, Tensor] = self._mixes[int(which < 0.5)](images, targets)
        return mixed


class _Uniform:
    """Hands out the columns of a table of draws, so that every step of the augmentation has its own."""

    def __init__(self, draws: NDArray[np.float64]) -> None:
        self._draws = draws
        self._next = 0

    def many(self, count: int) -> NDArray[np.float64]:
        self._next += count
        return self._draws[:, self._next - count : self._next]

    def __call__(self) -> NDArray[np.float64]:
        return self.many(1)[:, 0]

    def between(self, low: float, high: float) -> NDArray[np.float64]:
        return low + (high - low) * self()


def _where(
    chosen: NDArray[np.bool_], images: Tensor, change: Callable[..., Tensor], *amounts: NDArray[np.float64]
) -> Tensor:
    """The images, those ``chosen`` (n,) changed by so much (n,) each."""
    rows = np.flatnonzero(chosen)
    if not len(rows):
        return images
    places = torch.from_numpy(rows).to(images.device)
    return images.index_copy(0, places, change(images[places], *(_like(amount[rows], images) for amount in amounts)))


def _like(values: NDArray[np.generic], images: Tensor) -> Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32)).to(images.device)
