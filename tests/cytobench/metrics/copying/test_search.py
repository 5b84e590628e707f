"""The search for near-equals: found whatever was done to a copy, and never among different cells."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cytobench.metrics.copying.pixels import TRANSFORMS, transform
from cytobench.metrics.copying.search import NEAR, Others, seen, thumbnail
from cytobench_phantom.dataset import draw
from cytobench_phantom.morphology import LABELS

Cell = NDArray[np.uint8]
SIDE = 96


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    return [draw(label, i, 3, SIDE, stream="copying") for label in LABELS for i in range(10)]


@pytest.fixture(scope="module")
def others(cells: list[Cell]) -> Others:
    return Others(np.stack([thumbnail(cell) for cell in cells]))


def one_value(cell: Cell) -> Cell:
    changed = cell.copy()
    changed[0, 0, 0] = 255 - changed[0, 0, 0]
    return changed


def jpeg(cell: Cell) -> Cell:
    buffer = io.BytesIO()
    Image.fromarray(cell).save(buffer, "JPEG", quality=30)
    return np.asarray(Image.open(buffer))


def resized(cell: Cell, side: int) -> Cell:
    return np.asarray(Image.fromarray(cell).resize((side, side), Image.Resampling.BICUBIC))


def shifted(cell: Cell, right: int, down: int) -> Cell:
    edge = max(abs(right), abs(down))
    padded = np.pad(cell, ((edge, edge), (edge, edge), (0, 0)), mode="edge")
    return padded[edge - down : edge - down + SIDE, edge - right : edge - right + SIDE]


def blended(cell: Cell, other: Cell) -> Cell:
    return (0.8 * cell + 0.2 * other).astype(np.uint8)


CHANGES: dict[str, Callable[[Cell], Cell]] = {
    "the same": lambda cell: cell,
    "one value": one_value,
    "JPEG": jpeg,
    "brighter": lambda cell: np.clip(cell.astype(int) + 25, 0, 255).astype(np.uint8),
    "paler": lambda cell: (128 + (cell.astype(float) - 128) * 0.6).astype(np.uint8),
    "restained": lambda cell: np.clip(cell * np.array([0.9, 1, 1.1]), 0, 255).astype(np.uint8),
    "noise": lambda cell: np.clip(cell + np.random.default_rng(0).normal(0, 15, cell.shape), 0, 255).astype(np.uint8),
    "larger": lambda cell: resized(cell, 123),
    "smaller": lambda cell: resized(cell, 40),
    "shifted by 5 %": lambda cell: shifted(cell, 5, -5),
    "shifted by 3 %": lambda cell: shifted(cell, -3, 0),
    "cut by 4 %": lambda cell: cell[4:-4, 4:-4],
    "widened by 4 %": lambda cell: np.pad(cell, ((4, 4), (4, 4), (0, 0)), mode="edge"),
    **{name: lambda cell, name=name: np.asarray(transform(cell, name), dtype=np.uint8) for name in TRANSFORMS},
    "turned, shifted, JPEG": lambda cell: jpeg(np.ascontiguousarray(shifted(np.rot90(cell), 3, 2))),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_copy_is_found_with_the_image_it_is_of(
    change: Callable[[Cell], Cell], cells: list[Cell], others: Others
) -> None:
    copied = list(range(0, len(cells), 7))
    matches = others.search(np.stack([seen(np.ascontiguousarray(change(cells[i]))) for i in copied]))
    assert [match.other if match else None for match in matches] == copied
    assert max(match.difference for match in matches if match) <= NEAR


def test_other_cells_of_the_same_program_are_no_copies(others: Others) -> None:
    fresh = [draw(label, i, 3, SIDE, stream="oracle") for label in LABELS for i in range(10)]
    assert others.search(np.stack([seen(cell) for cell in fresh])) == [None] * len(fresh)


def test_no_cell_is_a_copy_of_another(cells: list[Cell]) -> None:
    for part in range(5):
        out = cells[part::5]
        rest = [cell for number, cell in enumerate(cells) if number % 5 != part]
        found = Others(np.stack([thumbnail(cell) for cell in rest])).search(np.stack([seen(cell) for cell in out]))
        assert found == [None] * len(out)


def test_images_without_contrast_equal_those_of_their_colour_alone(cells: list[Cell]) -> None:
    grey, white = np.full((20, 20, 3), 128, np.uint8), np.full((64, 64, 3), 250, np.uint8)
    others = Others(np.stack([thumbnail(image) for image in (cells[0], grey)]))
    found = others.search(np.stack([seen(image) for image in (grey, white, one_value(np.repeat(grey, 4, axis=0)))]))
    assert [match.other if match else None for match in found] == [1, None, 1]


def test_few_images_are_searched_and_searched_among(cells: list[Cell]) -> None:
    [match] = Others(thumbnail(cells[4])[None]).search(seen(jpeg(cells[4]))[None])
    assert match is not None and match.other == 0
