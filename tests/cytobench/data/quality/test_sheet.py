"""The contact sheet of the worst images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cytobench.data.quality.sheet import draw_sheet
from cytobench.data.quality.tiles import COLUMNS, GAP, RED, ROW, TILE, TITLE, refuse_target, write_picture
from cytobench.decode import pixel_digest
from cytobench.errors import UserError


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Twelve images of A in their own grey, the last one blurred and white; two of B, sharp."""
    rows = []
    for number, label in enumerate("A" * 12 + "B" * 2):
        name = f"{label}/{'a-name-that-is-far-too-long-for-a-tile-' * 2}{number}.png"
        (tmp_path / label).mkdir(exist_ok=True)
        pixels = np.full((20, 20, 3), grey(number), np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
        bad = number == 11
        rows.append((name, pixel_digest(pixels), label, 0.01 if bad else 0.1 + number / 100, 0.9 if bad else 0.0, 0.0))
    return pd.DataFrame(rows, columns=["path", "digest", "label", "sharpness", "white", "black"])


def grey(number: int) -> int:
    return 20 + 10 * number


def shown(sheet: Image.Image, row: int, column: int) -> tuple[int, int, int]:
    """The colour in the middle of a tile."""
    place = GAP + column * (TILE + GAP) + TILE // 2, row * ROW + GAP + TITLE + TILE // 2
    return sheet.getpixel(place)  # type: ignore[return-value]


def test_the_worst_stand_first_with_a_frame_and_the_sharpest_of_their_class_below(
    tmp_path: Path, table: pd.DataFrame
) -> None:
    sheet = draw_sheet(tmp_path, table)
    assert sheet.size == (COLUMNS * (TILE + GAP) + GAP, 3 * ROW + GAP)
    assert [shown(sheet, 0, column)[0] for column in range(4)] == [grey(number) for number in (11, 0, 1, 2)]
    assert [shown(sheet, 1, column)[0] for column in range(4)] == [grey(number) for number in (10, 9, 8, 7)]
    assert shown(sheet, 2, 0)[0] == grey(11) and shown(sheet, 2, 1) == (255, 255, 255)
    framed = [
        (row, column)
        for row in range(3)
        for column in range(COLUMNS)
        if sheet.getpixel((GAP + column * (TILE + GAP) - 2, row * ROW + GAP + TITLE + 9)) == RED
    ]
    assert framed == [(0, 0), (2, 0)]


def test_a_class_of_one_image_has_nothing_below(tmp_path: Path, table: pd.DataFrame) -> None:
    sheet = draw_sheet(tmp_path, table.iloc[:1])
    assert sheet.height == 2 * ROW + GAP
    assert shown(sheet, 0, 0)[0] == grey(0) and shown(sheet, 1, 0) == (255, 255, 255)


def test_the_file_is_a_png_and_is_replaced(tmp_path: Path, table: pd.DataFrame) -> None:
    file = tmp_path / "new" / "sheet.png"
    for rows in (table, table.iloc[:3]):
        write_picture(file, draw_sheet(tmp_path, rows), "picture")
        with Image.open(file) as image:
            assert image.format == "PNG"
    assert [one.name for one in file.parent.iterdir()] == ["sheet.png"]
    assert image.height == 2 * ROW + GAP


def test_a_name_that_would_harm_is_refused(tmp_path: Path, table: pd.DataFrame) -> None:
    paths = list(table["path"])
    for name in ("sheet.jpg", "sheet", "A/sheet.png", f"B/../{paths[0]}"):
        with pytest.raises(UserError, match="picture"):
            refuse_target(tmp_path / name, tmp_path, paths, "picture")
    refuse_target(tmp_path / "sheet.PNG", tmp_path, paths, "picture")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, table: pd.DataFrame) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"file/sheet\.png' cannot be written"):
        write_picture(tmp_path / "file" / "sheet.png", draw_sheet(tmp_path, table), "picture")
