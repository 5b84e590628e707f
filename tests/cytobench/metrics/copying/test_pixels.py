"""Near-copies in pixels: found whatever was done to them, and never between two cells."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cytobench.decode import decode_image
from cytobench.metrics.copying import Features, contact_sheet, detect_copying
from cytobench.metrics.copying.pixels import NEAR_COPY, TRANSFORMS, differences, prints, transform
from cytobench_phantom.dataset import draw

SHARED = Path(__file__).parents[4].parent / "shared" / "data" / "pbc"


def cells(label: str, count: int, first: int = 0) -> list[NDArray[np.uint8]]:
    return [draw(label, first + i, 3, 64, stream="copying") for i in range(count)]


def altered(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Saved as JPEG of quality 50, noisy, darker and restained."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "JPEG", quality=50)
    noise = np.random.default_rng(0).normal(0, 8, image.shape)
    changed = decode_image(buffer.getvalue()) * np.array([0.8, 0.9, 0.95]) + noise
    return changed.clip(0, 255).astype(np.uint8)


def test_the_eight_transforms_differ_and_each_is_found() -> None:
    cell = cells("Monocyte", 1)[0]
    turned = [np.asarray(transform(cell, name), dtype=np.uint8) for name in TRANSFORMS]
    assert len({image.tobytes() for image in turned}) == 8
    apart, which = differences(prints(turned), prints([cell]))
    assert apart.max() < 0.05  # bytes are rounded when a picture is made smaller
    assert [TRANSFORMS[i] for i in which[:, 0]] == list(TRANSFORMS)


@pytest.mark.parametrize("label", ["Monocyte", "Typical Lymphocyte", "Smudge cell"])
def test_phantom_cells_are_no_copies_of_each_other_but_altered_copies_are(label: str) -> None:
    images = cells(label, 40)
    pictures = prints(images)
    apart = differences(pictures, pictures)[0]
    np.fill_diagonal(apart, np.inf)
    assert apart.min() > NEAR_COPY
    copies = [altered(np.rot90(image)) for image in images]
    apart = differences(prints(copies), pictures)[0]
    assert (apart.argmin(axis=1) == np.arange(40)).all() and np.diag(apart).max() < NEAR_COPY


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_real_cells_are_no_copies_of_each_other() -> None:
    pictures = prints([decode_image(file) for file in sorted(SHARED.glob("*/*.jpg"))[::2]])
    apart = differences(pictures, pictures)[0]
    np.fill_diagonal(apart, np.inf)
    assert len(pictures) == 550 and apart.min() > NEAR_COPY


def test_sizes_need_not_agree() -> None:
    image = cells("Monocyte", 1)[0]
    larger = np.array(Image.fromarray(image).resize((200, 200), Image.Resampling.BICUBIC))
    assert differences(prints([larger]), prints([image]))[0].max() < 0.2


def test_empty_pictures_are_no_copies() -> None:
    blank = np.full((64, 64, 3), 230, dtype=np.uint8)
    apart = differences(prints([blank]), prints([blank, cells("Monocyte", 1)[0]]))[0]
    assert apart.ravel() == pytest.approx([2**0.5, 2**0.5], abs=1e-3)


def near_copied() -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    shots, held_out, fresh = cells("Monocyte", 8), cells("Monocyte", 20, 100), cells("Monocyte", 6, 200)
    return shots, held_out, [altered(np.rot90(shots[5])), altered(shots[2]), *fresh]


def test_the_share_of_near_copies_and_the_closest_pairs() -> None:
    parts = near_copied()
    rng = np.random.default_rng(0)
    features = [Features(rng.normal(size=(len(images), 4)), images=images) for images in parts]
    result = detect_copying(*features, chosen=None)
    assert (result.near_copies, result.near_copies_held_out) == (2 / 8, 0)
    closest = [pair for pair in result.pairs if pair.space == "pixels"][:2]
    assert {(pair.synthetic, pair.shot, pair.transform) for pair in closest} == {
        (0, 5, "turned 90"),
        (1, 2, "as it is"),
    }
    said = "copies found: 2 synthetic images are near-copies of a shot in pixels, 0 of a held-out image; "
    assert result.verdict.startswith(said) and result.outcome == "copies found"


def test_near_copies_are_said_where_nothing_can_be_tested() -> None:
    shots, _, synthetic = near_copied()
    rng = np.random.default_rng(0)
    parts = [Features(rng.normal(size=(len(images), 4)), images=images) for images in (shots, synthetic)]
    result = detect_copying(parts[0], Features(np.empty((0, 4))), parts[1], chosen=None)
    assert result.near_copies == 2 / 8 and result.near_copies_held_out is None
    said = "copies found: 2 synthetic images are near-copies of a shot in pixels; not testable: there are no held-out "
    assert result.verdict.startswith(said) and result.outcome == "copies found"


def test_images_make_duplicates_too() -> None:
    shots, held_out, _ = near_copied()
    held_out[0] = altered(np.rot90(shots[0]))
    rng = np.random.default_rng(0)
    parts = [Features(rng.normal(size=(len(images), 4)), images=images) for images in (shots, held_out)]
    result = detect_copying(*parts, Features(rng.normal(size=(30, 4))), chosen=None)
    assert result.smallest_p_one_shot == 8 / 27


def test_a_contact_sheet_shows_each_pair(tmp_path: Path) -> None:
    shots, held_out, synthetic = near_copied()
    rng = np.random.default_rng(0)
    features = [Features(rng.normal(size=(len(images), 4)), images=images) for images in (shots, held_out, synthetic)]
    result = detect_copying(*features, chosen=None)
    file = tmp_path / "pairs.png"
    contact_sheet(result.pairs, shots, synthetic, file)
    page = np.array(Image.open(file))
    assert sorted(tmp_path.iterdir()) == [file]
    rows = -(-len(result.pairs) // 4)
    assert page.shape == (12 + rows * 174, 12 + 4 * 268, 3)
    number = next(
        i for i, pair in enumerate(result.pairs) if (pair.synthetic, pair.shot, pair.space) == (0, 5, "pixels")
    )
    top, left = 12 + number // 4 * 174, 12 + number % 4 * 268
    two = [page[top : top + 128, left + k * 128 : left + (k + 1) * 128] for k in (0, 1)]
    assert differences(prints([two[0]]), prints([two[1]]))[1][0, 0] == 0  # the shot is turned as the copy is
    with pytest.raises(ValueError, match="no pairs"):
        contact_sheet([], shots, synthetic, file)
