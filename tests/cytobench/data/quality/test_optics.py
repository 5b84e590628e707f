"""Sharpness, white and black of one image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from cytobench.data.quality.cell import cell_region
from cytobench.data.quality.optics import CROP, SIDE, central_grey, measure
from cytobench.decode import decode_image
from cytobench.protocols import find_protocol
from cytobench_phantom.dataset import draw

SHARED = Path(__file__).parents[4].parent / "shared" / "data"
CELL = draw("Eosinophil", 3, seed=1, size=256)


def copy(image: np.ndarray, *filters: ImageFilter.Filter, side: int | None = None) -> np.ndarray:
    picture = Image.fromarray(image)
    for one in filters:
        picture = picture.filter(one)
    return np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS) if side else picture)


def test_the_more_an_image_is_blurred_the_less_sharp_it_is() -> None:
    values = [measure(copy(CELL, ImageFilter.GaussianBlur(sigma))).sharpness for sigma in (0, 1, 2, 3, 5)]
    assert values == sorted(values, reverse=True)
    assert values[2] < values[0] / 2


@given(st.floats(0.5, 1.0), st.floats(0.0, 1.0))
def test_contrast_and_brightness_cancel_out(gain: float, lifted: float) -> None:
    dull = np.rint(CELL * gain + 255 * (1 - gain) * lifted).astype(np.uint8)
    assert measure(dull).sharpness == pytest.approx(measure(CELL).sharpness, rel=0.15)


@pytest.mark.parametrize("side", [150, 200, 400])
def test_the_size_of_the_file_counts_for_little(side: int) -> None:
    assert measure(copy(CELL, side=side)).sharpness == pytest.approx(measure(CELL).sharpness, rel=0.15)


def test_a_flat_image_has_no_sharpness_and_noise_has_most() -> None:
    flat = measure(np.full((20, 30, 3), 200, np.uint8))
    assert flat.sharpness == flat.cell_sharpness == 0
    noise = np.random.default_rng(0).integers(0, 256, (148, 148, 1), np.uint8).repeat(3, axis=2)
    assert measure(noise).sharpness == pytest.approx(20, rel=0.1)
    assert measure(noise).cell_sharpness == pytest.approx(0.8, rel=0.1)


def test_only_the_central_square_that_classifiers_see_is_measured() -> None:
    assert find_protocol("strict").crop == CROP
    framed = np.zeros((400, 600, 3), np.uint8)
    framed[27:372, 127:472] = 255
    found = measure(framed)
    assert (found.white, found.black) == (1.0, 0.0)


@pytest.mark.parametrize("shape", [(8, 8, 3), (8, 50, 3), (51, 9, 3)])
def test_small_and_narrow_images_are_measured(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    assert central_grey(image).shape == (SIDE, SIDE)
    assert measure(image).sharpness > 0


def test_white_and_black_are_shares_of_the_square() -> None:
    image = np.full((400, 400, 3), 128, np.uint8)
    image[:200, :200] = 252
    image[300:] = 3
    found = measure(image)
    assert found.white == pytest.approx((172.5 / 345) ** 2, abs=0.01)
    assert found.black == pytest.approx(72.5 / 345, abs=0.01)


def test_a_bright_ground_with_a_colour_is_not_white() -> None:
    assert measure(np.full((50, 50, 3), (255, 229, 203), np.uint8)).white == 0


def test_the_cell_is_as_sharp_whatever_lies_around_it() -> None:
    busy = np.array(CELL)
    busy[:, -30:] = np.random.default_rng(0).integers(0, 256, (256, 30, 3))
    assert measure(busy).sharpness > 2 * measure(CELL).sharpness
    assert measure(busy).cell_sharpness == pytest.approx(measure(CELL).cell_sharpness, rel=0.1)
    soft = np.where(cell_disc()[..., None], copy(busy, ImageFilter.GaussianBlur(3)), busy).astype(np.uint8)
    assert measure(soft).cell_sharpness < measure(busy).cell_sharpness / 2


def cell_disc() -> np.ndarray:
    """Whether a pixel of ``CELL`` is within 90 px of its middle."""
    rows, columns = np.mgrid[:256, :256]
    return np.hypot(rows - 128, columns - 128) < 90


def test_the_region_is_the_cell_in_the_middle_and_no_neighbour() -> None:
    square = np.full((128, 128, 3), 230, np.uint8)
    square[44:84, 44:84] = (200, 120, 200)
    square[54:74, 54:74] = (80, 20, 120)
    square[:30, :60] = (80, 20, 120)
    region = cell_region(square[..., 1])
    assert region[44:84, 54:74].all() and not region[:36].any() and not region[:, :36].any()
    assert cell_region(np.full((128, 128), 9, np.uint8)).sum() == pytest.approx(np.pi * 40**2, rel=0.02)


@pytest.mark.skipif(not (SHARED / "matek").is_dir(), reason="real images lie in ../shared/data where they are needed")
def test_real_images_out_of_focus_are_the_least_sharp() -> None:
    blurred = {"BAS_0034", "BAS_0048", "EOS_0098", "MMZ_0005", "MON_0467", "MON_0927", "NGB_0074", "NGB_0079"}
    files = sorted((SHARED / "matek").glob("*/*/*.tiff"))
    measured = {file.stem: measure(decode_image(file)) for file in files}
    for name in ("sharpness", "cell_sharpness"):
        assert set(sorted(measured, key=lambda stem: getattr(measured[stem], name))[:8]) == blurred
