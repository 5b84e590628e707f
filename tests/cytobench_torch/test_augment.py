from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch.fx.experimental._config import patch
from torchvision.transforms.v2 import functional as F

from cytobench_torch.augment import Augmentation, Mixer, Normalise, draw

SIDE = 24
STILL = Augmentation(
    SIDE,
    scale=(1, 1),
    ratio=(1, 1),
    degrees=(0, 0),
    brightness=0,
    saturation=0,
    hue=0,
    blur_probability=0,
    sharpness_probability=0,
    hsv_probability=0,
    stain_probability=0,
)
"""Flips alone."""


def _images(count: int, side: int = SIDE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)


def _which_flip(image: torch.Tensor, expected: torch.Tensor) -> int:
    """Index of the flip of ``expected`` that an image is; fails if it is none."""
    flips = [expected, expected.flip(-1), expected.flip(-2), expected.flip(-1, -2)]
    distances = [float((image - flip).abs().max()) for flip in flips]
    nearest = int(np.argmin(distances))
    assert distances[nearest] < 1e-4
    return nearest


def test_all_four_flips_occur_and_nothing_else_where_all_else_is_off() -> None:
    images = _images(64)
    flipped = STILL(images, draw(0, 1, 64))
    flips = [_which_flip(new, old / 255) for new, old in zip(flipped, images, strict=True)]
    counts = np.bincount(flips, minlength=4)
    assert counts.min() >= 8


def test_without_colour_strength_colours_stay() -> None:
    images, draws = _images(32), draw(0, 1, 32)
    colours = {"brightness": 0.5, "saturation": 1.0, "hue": 0.3, "hsv_probability": 1.0}
    full = replace(STILL, **colours)
    torch.testing.assert_close(full.with_colour(0)(images, draws), STILL(images, draws), atol=1e-4, rtol=0)
    mild, strong = (
        (full.with_colour(strength)(images, draws) - STILL(images, draws)).abs().mean() for strength in (0.2, 1.0)
    )
    assert 0 < mild < strong / 2


def test_rotation_turns_by_the_angle() -> None:
    images = _images(8)
    turned = replace(STILL, degrees=(90, 90))(images, draw(0, 1, 8))
    for new, old in zip(turned, images, strict=True):
        _which_flip(new, old.rot90(1, (1, 2)) / 255)


def test_rotation_leaves_no_black_corner() -> None:
    white = torch.full((4, 3, SIDE, SIDE), 255, dtype=torch.uint8)
    assert replace(STILL, degrees=(45, 45))(white, draw(0, 1, 4)).min() > 0.999


def test_crop_keeps_the_stated_share_of_the_image() -> None:
    ramp = torch.linspace(0, 255, 64).to(torch.uint8).expand(3, 64, 64)
    images = ramp.expand(200, 3, 64, 64).contiguous()
    cropped = replace(STILL, scale=(0.8, 1.0), ratio=(0.8, 1.2))(images, draw(0, 1, 200))
    widths = cropped[:, 0, 0, :].amax(1) - cropped[:, 0, 0, :].amin(1)
    assert 0.75 < widths.min() < 0.88  # sqrt(0.8 * 0.8) = 0.8
    assert widths.max() > 0.95


def test_blur_is_gaussian() -> None:
    images = _images(3)
    blurred = replace(STILL, blur_probability=1, blur_sigma=(1.3, 1.3))(images, draw(0, 1, 3))
    for new, old in zip(blurred, images, strict=True):
        _which_flip(new, F.gaussian_blur(old / 255, [5, 5], [1.3, 1.3]))


def test_sharpness_is_that_of_torchvision() -> None:
    images = _images(3)
    sharpened = replace(STILL, sharpness_probability=1)(images, draw(0, 1, 3))
    for new, old in zip(sharpened, images, strict=True):
        _which_flip(new, F.adjust_sharpness(old / 255, 2.0))


def test_blur_meets_its_share_of_the_images() -> None:
    images = _images(600, 8)
    still = replace(STILL, resolution=8)
    draws = draw(0, 1, 600)
    changed = (replace(still, blur_probability=0.33)(images, draws) != still(images, draws)).flatten(1).any(1)
    assert 0.27 < changed.float().mean() < 0.39


def test_stain_jitter_leaves_almost_black_and_white_images_alone() -> None:
    shades = torch.tensor([2, 128, 253], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 3, SIDE, SIDE)
    jittered = replace(STILL, stain_probability=1)(shades.contiguous(), draw(0, 1, 3))
    changes = (jittered - shades / 255).abs().amax((1, 2, 3))
    assert changes[0] < 1e-6 and changes[2] < 1e-6
    assert changes[1] > 1e-3


def test_an_image_is_augmented_alike_in_any_batch() -> None:
    augmentation = Augmentation(SIDE)
    images, draws = _images(6, augmentation.source_side), draw(3, 2, 6)
    together = augmentation(images, draws)
    assert together.shape == (6, 3, SIDE, SIDE)
    assert together.min() >= 0 and together.max() <= 1
    for i in range(6):
        torch.testing.assert_close(augmentation(images[[i]], draws[[i]])[0], together[i], atol=1e-5, rtol=0)


def test_draws_depend_on_seed_epoch_and_position_alone() -> None:
    np.testing.assert_array_equal(draw(1, 2, 10)[:4], draw(1, 2, 4))
    assert not np.array_equal(draw(1, 2, 4), draw(1, 3, 4))
    assert not np.array_equal(draw(1, 2, 4), draw(2, 2, 4))
    assert len(np.unique(draw(1, 2, 4))) == draw(1, 2, 4).size


def test_the_same_draws_are_seen_anew_each_epoch() -> None:
    augmentation = Augmentation(SIDE)
    images = _images(4, augmentation.source_side)
    assert not torch.equal(augmentation(images, draw(0, 1, 4)), augmentation(images, draw(0, 2, 4)))


def test_mixing_meets_its_share_of_the_batches() -> None:
    mixer = Mixer(3, 0.2)
    images, targets = torch.rand(6, 3, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2])
    mixed = 0
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(500):
            _, shares = mixer(images, targets)
            if shares.ndim == 2:
                mixed += 1
                torch.testing.assert_close(shares.sum(1), torch.ones(6))
    assert 0.15 < mixed / 500 < 0.25


def test_one_class_cannot_be_mixed() -> None:
    images, targets = torch.rand(2, 3, 8, 8), torch.zeros(2, dtype=torch.int64)
    assert Mixer(1, 1.0)(images, targets)[1] is targets


def test_normalise_scales_and_standardises() -> None:
    normalise = Normalise((0.5, 0.5, 0.0), (0.5, 0.25, 1.0))
    scaled = normalise(torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)).flatten()
    torch.testing.assert_close(scaled, torch.tensor([1.0, 2.0, 1.0]))


def test_nothing_is_left_on_the_cpu_where_the_images_are_elsewhere() -> None:
    """On the meta device, which like a GPU refuses to compute with tensors of another one."""
    images = torch.empty((6, 3, 32, 32), dtype=torch.uint8, device="meta")
    targets = torch.zeros(6, dtype=torch.int64, device="meta")
    augmentation = replace(Augmentation(SIDE), blur_probability=1, sharpness_probability=1)
    # How many images get stain jitter depends on their values, which meta tensors have none of: take all.
    with patch(meta_nonzero_assume_all_nonzero=True):
        augmented = augmentation(images, draw(0, 1, 6))
    mixed, shares = Mixer(3, 1.0)(Normalise((0.5,) * 3, (0.5,) * 3).scaled(augmented), targets)
    assert {augmented.device.type, mixed.device.type, shares.device.type} == {"meta"}
    assert (mixed.shape, shares.shape) == ((6, 3, SIDE, SIDE), (6, 3))
