"""The pictures: shape, what lies where, and that the same draw gives the same pixels."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from cytobench_phantom.cell import Cell, Smear
from cytobench_phantom.morphology import LABELS, draw_cell, draw_smear
from cytobench_phantom.render import render

PLAIN = Cell(
    size=12.0,
    nucleus="round",
    nucleus_share=0.5,
    nucleus_colour=(0.3, 0.15, 0.5),
    cytoplasm_colour=(0.7, 0.7, 0.85),
    offset=0.0,
    roughness=0.1,
)
EMPTY = Smear(red_cells=0.0, platelets=0, noise=0.0, vignette=0.0, ground=(1.0, 1.0, 1.0))


def picture(cell: Cell, smear: Smear, size: int = 64, seed: int = 0) -> np.ndarray:
    return render(cell, smear, size, np.random.default_rng(seed))


@pytest.mark.parametrize("label", LABELS)
def test_every_class_renders_as_rgb(label: str) -> None:
    rng = np.random.default_rng(5)
    image = render(draw_cell(label, rng), draw_smear(rng), 64, rng)
    assert image.shape == (64, 64, 3)
    assert image.dtype == np.uint8
    assert image.std() > 10


@pytest.mark.parametrize("label", LABELS)
def test_the_white_cell_is_in_the_middle(label: str) -> None:
    """On an empty ground, what is dark has its centre of mass in the middle of the picture."""
    rng = np.random.default_rng(7)
    dark = 255.0 - render(draw_cell(label, rng), EMPTY, 64, rng).min(axis=2)
    rows, columns = np.indices(dark.shape)
    assert abs((rows * dark).sum() / dark.sum() - 31.5) < 9
    assert abs((columns * dark).sum() / dark.sum() - 31.5) < 9
    assert dark[24:40, 24:40].mean() > 4 * dark[:6].mean() + 20


def test_the_ground_is_where_nothing_lies() -> None:
    image = picture(PLAIN, EMPTY)
    assert image[0].min() >= 254 and image[:, -1].min() >= 254


def test_red_cells_lie_around_the_white_cell_and_not_over_it() -> None:
    """Red cells that only take green light leave the green of the white cell's middle as it was."""
    red = replace(EMPTY, red_cells=0.8, red_colour=(1.0, 0.2, 1.0), red_overlap=0.4, blur=0.0)
    with_red, without = picture(PLAIN, red, 96), picture(PLAIN, replace(EMPTY, blur=0.0), 96)
    rows, columns = np.indices((96, 96))
    distance = np.hypot(rows - 47.5, columns - 47.5) * red.field / 96
    assert np.array_equal(with_red[distance < 5], without[distance < 5])
    assert (with_red[distance > 7, 1] < 200).mean() > 0.2


def test_red_cells_are_pale_in_the_middle_as_asked() -> None:
    crowd = replace(EMPTY, red_cells=0.7, red_overlap=0.0)
    full, pale = (picture(PLAIN, replace(crowd, pallor=share), 96).astype(int) for share in (0.0, 1.0))
    assert (pale - full).max() > 25
    assert (pale - full).min() >= -1


def test_size_in_micrometres_holds_at_every_resolution() -> None:
    """The cell covers the share of the picture that its diameter and the magnification say."""
    for size in (64, 128):
        covered = (picture(PLAIN, EMPTY, size).min(axis=2) < 230).mean()
        assert covered == pytest.approx(np.pi * 6.0**2 / EMPTY.field**2, rel=0.12)


def test_a_cell_keeps_its_shape_at_every_resolution() -> None:
    cell = replace(PLAIN, nucleus="band", roughness=0.6)
    small, large = picture(cell, EMPTY, 32), picture(cell, EMPTY, 128)
    shrunk = large.reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.97


def test_more_nucleus_makes_more_dark() -> None:
    shares = (0.2, 0.5, 0.8)
    dark = [(picture(replace(PLAIN, nucleus_share=share), EMPTY)[..., 1] < 110).mean() for share in shares]
    area = np.pi * 6.0**2 / EMPTY.field**2
    assert dark == pytest.approx([share * area for share in shares], rel=0.25)


def test_a_lobed_nucleus_has_that_many_lobes() -> None:
    """Without its thin strands the nucleus falls into its lobes, but for some that touch."""
    cell = replace(PLAIN, size=14.0, nucleus="segmented", lobes=4, nucleus_share=0.3, clumping=0.0)
    counts = []
    for seed in range(12):
        core = picture(cell, EMPTY, 128, seed)[..., 1] < 110
        counts.append(ndimage.label(ndimage.binary_erosion(core, iterations=4))[1])
    assert np.median(counts) >= 3
    assert max(counts) <= 5


def test_orange_granules_redden_the_cytoplasm() -> None:
    cell = replace(PLAIN, nucleus_share=0.2, cytoplasm_colour=(0.9, 0.85, 0.9))
    full = replace(
        cell, granules="orange", granule_density=1.0, granule_size=0.4, granule_colour=(0.8, 0.4, 0.4)
    )
    plain, granular = (picture(c, EMPTY).astype(float).mean(axis=(0, 1)) for c in (cell, full))
    assert (plain - granular)[1] > 2 * (plain - granular)[0]


def test_blur_and_noise_do_what_they_say() -> None:
    sharp, soft = picture(PLAIN, EMPTY), picture(PLAIN, replace(EMPTY, blur=1.0))
    assert (
        np.abs(np.diff(soft.astype(int), axis=0)).max()
        < 0.7 * np.abs(np.diff(sharp.astype(int), axis=0)).max()
    )
    noisy = picture(PLAIN, replace(EMPTY, noise=0.02, ground=(0.8, 0.8, 0.8)))
    assert noisy[:4].std() == pytest.approx(0.02 * 255, rel=0.2)


def test_the_same_generator_state_gives_the_same_pixels_and_another_does_not() -> None:
    smear = Smear()
    assert np.array_equal(picture(PLAIN, smear), picture(PLAIN, smear))
    assert not np.array_equal(picture(PLAIN, smear, seed=1), picture(PLAIN, smear, seed=2))


def test_global_random_state_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()
    picture(PLAIN, Smear())
    assert np.array_equal(before, np.random.get_state()[1])
