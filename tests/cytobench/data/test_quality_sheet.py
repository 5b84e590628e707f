"""The contact sheet of the best and the worst images of each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cytobench.data.quality.tiles import COLUMNS, GAP, RED, ROW, TILE, TITLE
from cytobench.data.quality_sheet import draw_quality_sheet
from cytobench.decode import pixel_digest

WHITE = 255


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Twenty images of A, the later the sharper, the last but one over-exposed and the last a copy; three of B."""
    rows = []
    for number, label in enumerate("A" * 20 + "B" * 3):
        path = f"{label}/{number:02}.png"
        (tmp_path / label).mkdir(exist_ok=True)
        grey = 9 * min(number, 18) if label == "A" else 9 * number
        pixels = np.full((20, 20, 3), grey, np.uint8)
        Image.fromarray(pixels).save(tmp_path / path)
        white = 0.9 if number == 17 else 0.0
        rows.append((path, label, pixel_digest(pixels), np.nan, white, 0.0, 0.01 * number))
    columns = ["path", "label", "digest", "quality", "white", "black", "cell_sharpness"]
    return pd.DataFrame(rows, columns=columns)


def shown(sheet: Image.Image, row: int) -> list[int]:
    """The number of the image in each tile of a row; white where there is none."""
    top = row * ROW + GAP + TITLE + TILE // 2
    greys = [sheet.getpixel((GAP + column * (TILE + GAP) + TILE // 2, top))[0] for column in range(COLUMNS)]  # type: ignore[index]
    return [grey if grey == WHITE else grey // 9 for grey in greys]


def test_a_row_a_class_has_the_sharpest_and_then_the_least_sharp(tmp_path: Path, table: pd.DataFrame) -> None:
    sheet = draw_quality_sheet(tmp_path, table, ["A", "B"])
    assert sheet.height == 2 * ROW + GAP
    assert shown(sheet, 0) == [18, 16, 15, 14, 2, 1, 0, 17]
    assert shown(sheet, 1) == [22, 21, WHITE, WHITE, WHITE, WHITE, WHITE, 20]
    frame = [sheet.getpixel((GAP + column * (TILE + GAP) - 2, GAP + TITLE + 9)) == RED for column in range(COLUMNS)]
    assert frame == [False] * 7 + [True]


def test_one_class_has_a_row_of_each(tmp_path: Path, table: pd.DataFrame) -> None:
    sheet = draw_quality_sheet(tmp_path, table, ["A"])
    assert shown(sheet, 0) == [18, 16, 15, 14, 13, 12, 11, 10]
    assert shown(sheet, 1) == [6, 5, 4, 3, 2, 1, 0, 17]
