from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from skimage.color import hed2rgb, hsv2rgb, rgb2hed, rgb2hsv
from torchvision.transforms.v2 import functional as F

from cytobench_torch.colour import brighten, jitter_stain, saturate, shift_hsv, turn_hue


def _images(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, 9, 7, generator=torch.Generator().manual_seed(0))


def _last(images: torch.Tensor) -> np.ndarray:
    return images.permute(0, 2, 3, 1).double().numpy()


def test_stain_jitter_is_that_of_skimage() -> None:
    images = _images()
    scale = torch.tensor([[1.03, 0.98, 1.0], [0.97, 1.0, 1.01], [1.0, 1.0, 1.0]])
    shift = torch.tensor([[0.03, -0.03, 0.01], [-0.02, 0.0, 0.03], [0.0, 0.0, 0.0]])
    jittered = _last(jitter_stain(images, scale, shift))
    for image, result, factor, offset in zip(_last(images), jittered, scale, shift, strict=True):
        expected = hed2rgb(rgb2hed(image) * factor.numpy() + offset.numpy())
        assert_allclose(result, expected, atol=1e-4)


def test_hsv_shift_is_that_of_skimage() -> None:
    images = _images()
    images[0, :, 0, 0] = 0.5  # grey: no hue
    images[0, :, 0, 1] = 0.0
    hue, saturation = torch.tensor([0.35, -0.4, 0.0]), torch.tensor([0.2, 2.0, 1.0])
    shifted = _last(shift_hsv(images, hue, saturation))
    for image, result, turn, factor in zip(_last(images), shifted, hue, saturation, strict=True):
        hsv = rgb2hsv(image)
        hsv[..., 0] = (hsv[..., 0] + float(turn)) % 1
        hsv[..., 1] = np.clip(hsv[..., 1] * float(factor), 0, 1)
        assert_allclose(result, hsv2rgb(hsv), atol=1e-5)


@pytest.mark.parametrize(
    ("ours", "theirs", "amounts"),
    [
        (brighten, F.adjust_brightness, (0.5, 1.5, 1.0)),
        (saturate, F.adjust_saturation, (2.0, 0.0, 1.0)),
        (turn_hue, F.adjust_hue, (-0.3, 0.3, 0.1)),
    ],
)
def test_each_change_of_the_jitter_is_that_of_torchvision(ours, theirs, amounts) -> None:
    images = _images()
    for image, result, amount in zip(images, ours(images, torch.tensor(amounts)), amounts, strict=True):
        torch.testing.assert_close(result, theirs(image, amount), atol=1e-4, rtol=0)
