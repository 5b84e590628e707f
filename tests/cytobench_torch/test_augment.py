from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from torch.fx.experimental._config import patch
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from cytobench_torch.augment import Augmentation, Mixer, Normalise, draw, rotate

SIDE = 24
STILL = Augmentation(
    SIDE,
    scale=(1, 1),
    ratio=(1, 1),
    rotation_probability=0,
    jitter_probability=0,
    blur_probability=0,
    sharpness_probability=0,
    hsv_probability=0,
    stain_probability=0,
)
"""Flips alone."""
THE_FOUR = ("rotation", "jitter", "blur", "sharpness")


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
    full = replace(STILL, jitter_probability=1, hsv_probability=1)
    torch.testing.assert_close(full.with_colour(0)(images, draws), STILL(images, draws), atol=1e-4, rtol=0)
    mild, strong = (
        (full.with_colour(strength)(images, draws) - STILL(images, draws)).abs().mean() for strength in (0.2, 1.0)
    )
    assert 0 < mild < strong / 2


@pytest.mark.parametrize("angle", [0.0, 17.0, 90.0, 133.3, 180.0])
def test_rotation_is_that_of_torchvision(angle: float) -> None:
    images = _images(4) / 255
    expected = F.rotate(images, angle, interpolation=InterpolationMode.NEAREST, fill=0)
    turned = rotate(images, torch.full((4,), angle), "black")
    assert (turned == expected).float().mean() > 0.995  # a pixel on the line between two may fall to either


def test_corners_are_black_where_the_protocol_says_so_and_else_reflected() -> None:
    white = torch.full((4, 3, SIDE, SIDE), 255, dtype=torch.uint8)
    turning = replace(STILL, rotation_probability=1, degrees=(45, 45))
    assert turning(white, draw(0, 1, 4)).min() > 0.999
    black = replace(turning, corners="black")(white, draw(0, 1, 4))
    assert black[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].max() == 0
    assert 0.1 < (black == 0).float().mean() < 0.25  # an eighth of a square turned by 45 degrees is outside: 0.17


def test_crop_keeps_the_stated_share_of_the_image() -> None:
    ramp = torch.linspace(0, 255, 64).to(torch.uint8).expand(3, 64, 64)
    images = ramp.expand(200, 3, 64, 64).contiguous()
    cropped = replace(STILL, scale=(0.8, 1.0), ratio=(0.8, 1.2))(images, draw(0, 1, 200))
    widths = cropped[:, 0, 0, :].amax(1) - cropped[:, 0, 0, :].amin(1)
    assert 0.75 < widths.min() < 0.88  # sqrt(0.8 * 0.8) = 0.8
    assert widths.max() > 0.95


def test_rotation_blur_and_sharpness_follow_each_other_as_in_torchvision() -> None:
    images = _images(6)
    fixed = replace(
        STILL, corners="black", rotation_probability=1, degrees=(30, 30), blur_probability=1, blur_sigma=(0.7, 0.7),
        sharpness_probability=1,
    )  # fmt: skip
    for new, old in zip(fixed(images, draw(0, 1, 6)), images, strict=True):
        flips = [old.flip(axes) / 255 for axes in ((), (-1,), (-2,), (-1, -2))]
        turned = [F.rotate(flip, 30, interpolation=InterpolationMode.NEAREST, fill=0) for flip in flips]
        done = [F.adjust_sharpness(F.gaussian_blur(image, [3, 3], [0.7, 0.7]), 0.8) for image in turned]
        same = max(float((image - new).abs().lt(1e-4).float().mean()) for image in done)
        assert same > 0.95  # but for the neighbours of a pixel that fell to the other side


def test_each_of_the_four_meets_a_third_of_the_images_on_its_own() -> None:
    """Images that one of them alone changes, with the draws that all share: 0.33 each, 0.11 any two, 0.01 all."""
    images, draws = _images(3000, 8), draw(0, 1, 3000)
    still = replace(STILL, resolution=8)
    plain, usual = still(images, draws), Augmentation(8)
    met = {
        name: (replace(still, **{f"{name}_probability": getattr(usual, f"{name}_probability")})(images, draws) != plain)
        .flatten(1)
        .any(1)
        .numpy()
        for name in THE_FOUR
    }
    for name in THE_FOUR:
        assert 0.305 < met[name].mean() < 0.355, name
    for one, other in combinations(THE_FOUR, 2):
        assert 0.09 < (met[one] & met[other]).mean() < 0.13, (one, other)
    assert 0.005 < np.all([*met.values()], 0).mean() < 0.02


ROTATION = v2.RandomRotation((0, 180))
JITTER = v2.ColorJitter(brightness=0.5, contrast=0, saturation=1, hue=0.3)
FLIPS = (v2.RandomHorizontalFlip(0.5), v2.RandomVerticalFlip(0.5))
STUDY = (
    *FLIPS,
    v2.RandomApply([ROTATION], 0.33),
    v2.RandomApply([JITTER], 0.33),
    v2.RandomApply([v2.GaussianBlur(3, (0.1, 1))], 0.33),
    v2.RandomAdjustSharpness(0.8, 0.33),
)
UNCROPPED = Augmentation(12, scale=(1, 1), ratio=(1, 1), corners="black", hsv_probability=0, stain_probability=0)
ALONE = replace(UNCROPPED, **{f"{name}_probability": 0 for name in THE_FOUR})


def _colours(images: torch.Tensor) -> list[torch.Tensor]:
    """Means of red, green, blue, value and saturation."""
    value, least = images.amax(1), images.amin(1)
    saturation = 1 - least / value.clamp(min=1e-6)
    return [*images.mean((2, 3)).unbind(1), value.mean((1, 2)), saturation.mean((1, 2))]


def _looks(images: torch.Tensor) -> list[torch.Tensor]:
    """Colours, contrast, share of black pixels, roughness."""
    black = (images.amax(1) == 0).float().mean((1, 2))
    return [*_colours(images), images.std((1, 2, 3)), black, images.diff(dim=2).abs().mean((1, 2, 3))]


def _place_of_red(images: torch.Tensor) -> list[torch.Tensor]:
    """Where the red is, from the middle, and in which quarter."""
    places = torch.linspace(-1, 1, images.shape[-1])
    x, y = (images[:, 0].sum(1) * places).sum(1), (images[:, 0].sum(2) * places).sum(1)
    return [x, y, x * y]


def _picture(kind: str) -> torch.Tensor:
    if kind == "one colour":
        return torch.tensor([100, 45, 70], dtype=torch.uint8).view(3, 1, 1).expand(3, 12, 12)
    if kind == "red spot":
        spot = torch.zeros(3, 12, 12, dtype=torch.uint8)
        spot[0, 5, 9] = 200
        return spot
    return torch.randint(25, 230, (3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(
    ("theirs", "ours", "picture", "figures"),
    [
        (STUDY, UNCROPPED, "noise", _looks),
        ((JITTER,), replace(ALONE, jitter_probability=1), "one colour", _colours),
        ((*FLIPS, ROTATION), replace(ALONE, rotation_probability=1), "red spot", _place_of_red),
    ],
)
def test_what_comes_out_is_distributed_as_of_torchvisions_own_transforms_with_the_studys_values(
    theirs, ours, picture, figures
) -> None:
    """Two-sample Kolmogorov-Smirnov tests on figures of 2,000 augmentations of one picture."""
    image, count = _picture(picture), 2000
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = figures(torch.stack([v2.Compose(theirs)(image / 255) for _ in range(count)]))
    found = figures(ours(image.expand(count, 3, 12, 12).contiguous(), draw(0, 1, count)))
    for number, (mine, study) in enumerate(zip(found, expected, strict=True)):
        # Rounded, for most leave the picture's own values.
        assert ks_2samp(mine.numpy().round(3), study.numpy().round(3)).pvalue > 0.01, number


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
    every = {f"{name}_probability": 1 for name in (*THE_FOUR, "hsv")}
    augmentation = replace(Augmentation(SIDE), **every)
    # How many images get stain jitter depends on their values, which meta tensors have none of: take all.
    with patch(meta_nonzero_assume_all_nonzero=True):
        augmented = augmentation(images, draw(0, 1, 6))
    mixed, shares = Mixer(3, 1.0)(Normalise((0.5,) * 3, (0.5,) * 3).scaled(augmented), targets)
    assert {augmented.device.type, mixed.device.type, shares.device.type} == {"meta"}
    assert (mixed.shape, shares.shape) == ((6, 3, SIDE, SIDE), (6, 3))
