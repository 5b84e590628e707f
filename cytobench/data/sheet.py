"""A contact sheet of the worst images of a data set, with the sharpest beside them."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd
from PIL import Image, ImageDraw, ImageFont, ImageOps

from cytobench.atomic import write_bytes
from cytobench.data.doubtful import blurred, by_shade, by_sharpness, clipped
from cytobench.decode import decode_image
from cytobench.errors import UserError

COLUMNS = 8
"""Images in a row."""

TILE, GAP, TITLE, LINE = 160, 8, 24, 14
"""Side of an image, space between images, and height of a row's title and of a line of text, in pixels."""

ROW = TITLE + TILE + 3 * LINE + 2 * GAP
"""Height of a row in pixels."""

INK, GREY, RED = (30, 25, 50), (110, 105, 125), (200, 30, 30)


def refuse_target(file: Path, root: Path, paths: Sequence[str], option: str = "--picture") -> None:
    """Raise UserError for a name that is no PNG's, and for a folder whose images belong to the data set.

    There the picture would overwrite an image, or be taken for one by the next run.
    """
    if file.suffix.lower() != ".png":
        raise UserError(f"{option} {file}: give a name that ends in .png.")
    if file.parent.resolve() in {(root / path).parent.resolve() for path in paths}:
        raise UserError(f"{option} {file}: images of the data set lie in this folder. Name a file elsewhere.")


def write_sheet(file: Path, root: Path, table: pd.DataFrame) -> None:
    """Write the sheet as a PNG; a file of this name is replaced. Raises UserError if it cannot be written.

    ``table`` has the columns path (relative to ``root``), label, sharpness, white and black, and at least one row.
    """
    buffer = io.BytesIO()
    draw_sheet(root, table).save(buffer, format="PNG", optimize=True)
    try:
        write_bytes(file, buffer.getvalue())
    except OSError as error:
        raise UserError(f"--picture {file} cannot be written: {error.strerror or error}.") from error


def draw_sheet(root: Path, table: pd.DataFrame) -> Image.Image:
    """Rows of the least sharp images, of the sharpest of the same classes under them, and of the most white or black.

    Those that are called blurred, over-exposed or under-exposed have a red frame. A row of white or of black is left
    out where no image has any.
    """
    ranked = by_sharpness(table)
    worst = ranked.head(COLUMNS)
    sharpest = _beside(worst, ranked.iloc[COLUMNS:])
    rows = [
        ("Least sharp for their class", _tiles(worst, "sharpness", blurred(table)["path"])),
        ("The sharpest of the same class", _tiles(sharpest, "sharpness", ())),
    ]
    for shade in ("white", "black"):
        most = by_shade(table, shade).head(COLUMNS)
        tiles = _tiles(most[most[shade] > 0], shade, clipped(table, shade)["path"])
        rows += [(f"Most {shade} for their class", tiles)] if tiles else []
    sheet = Image.new("RGB", (COLUMNS * (TILE + GAP) + GAP, len(rows) * ROW + GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (title, tiles) in enumerate(rows):
        top = number * ROW + GAP
        pen.text((GAP, top), title, fill=INK, font=ImageFont.load_default(15))
        for tile in tiles:
            _draw(sheet, pen, root, tile, (GAP + tile.column * (TILE + GAP), top + TITLE))
    return sheet


def _beside(worst: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """For each of the worst another of its class, sharpest first, with its ``column``; fewer where there is none."""
    best = others.iloc[::-1].assign(turn=lambda rows: rows.groupby("label").cumcount())
    wanted = worst[["label"]].assign(turn=worst.groupby("label").cumcount(), column=range(len(worst)))
    return wanted.merge(best, on=["label", "turn"])


@dataclass(frozen=True)
class _Tile:
    column: int
    path: str
    label: str
    value: str
    flagged: bool


def _tiles(rows: pd.DataFrame, measure: str, flagged: Collection[str]) -> list[_Tile]:
    """What is shown of rows with the columns path, label, median and the measure, and perhaps column."""
    named = set(flagged)
    words = "sharpness {0:.3f}, median {1:.3f}" if measure == "sharpness" else measure + " {0:.0%}, median {1:.0%}"
    columns = rows["column"] if "column" in rows else range(len(rows))
    values = zip(columns, *(rows[key] for key in ("path", "label", measure, "median")), strict=True)
    return [
        _Tile(column, path, label, words.format(value, median), path in named)
        for column, path, label, value, median in values
    ]


def _draw(sheet: Image.Image, pen: ImageDraw.ImageDraw, root: Path, tile: _Tile, place: tuple[int, int]) -> None:
    """One image, fitted into a square, with three lines of text."""
    left, top = place
    picture = ImageOps.pad(Image.fromarray(decode_image(root / tile.path)), (TILE, TILE), color="white")
    sheet.paste(picture, place)
    if tile.flagged:
        pen.rectangle((left - 3, top - 3, left + TILE + 2, top + TILE + 2), outline=RED, width=3)
    font = ImageFont.load_default(11)
    lines = ((tile.label, INK), (PurePosixPath(tile.path).name, GREY), (tile.value, RED if tile.flagged else GREY))
    for number, (text, colour) in enumerate(lines):
        pen.text((left, top + TILE + 4 + number * LINE), _shortened(text, font), fill=colour, font=font)


def _shortened(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """A text that fits under an image; of a longer one the end is kept, where file names differ."""
    if font.getlength(text) <= TILE:
        return text
    return next(short for cut in range(1, len(text) + 1) if font.getlength(short := f"...{text[cut:]}") <= TILE)
