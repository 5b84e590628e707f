"""Contact sheets: rows of images with a title over each row and lines of text under each image."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image, ImageDraw, ImageFont, ImageOps

from cytobench.atomic import write_bytes
from cytobench.errors import UserError, option
from cytobench.images import FilePixels

COLUMNS = 8
"""Images in a row."""

TILE, GAP, TITLE, LINE = 160, 8, 24, 14
"""Side of an image, space between images, and height of a row's title and of a line of text, in pixels."""

ROW = TITLE + TILE + 3 * LINE + 2 * GAP
"""Height of a row in pixels."""

INK, GREY, RED = (30, 25, 50), (110, 105, 125), (200, 30, 30)


@dataclass(frozen=True)
class Tile:
    """An image with its class and what is said of it; one that is flagged has a red frame."""

    column: int
    """From 0."""
    path: str
    digest: str
    """Of its pixels, SHA-256 in hex."""
    label: str
    value: str
    flagged: bool


Row = tuple[str, Sequence[Tile]]
"""A title and the images under it."""


def refuse_target(file: Path, root: Path, paths: Sequence[str], parameter: str) -> None:
    """Raise UserError for a name that is no PNG's, and for a folder whose images belong to the data set.

    There the picture would overwrite an image, or be taken for one by the next run. ``parameter`` names the file.
    """
    if file.suffix.lower() != ".png":
        raise UserError(f"{option(parameter, file)}: give a name that ends in .png.")
    if file.parent.resolve() in {(root / path).parent.resolve() for path in paths}:
        raise UserError(f"{option(parameter, file)}: images of the data set lie in this folder. Name a file elsewhere.")


def write_picture(file: Path, picture: Image.Image, parameter: str) -> None:
    """Write a picture as a PNG; a file of this name is replaced. Raises UserError if it cannot be written."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    try:
        write_bytes(file, buffer.getvalue())
    except OSError as error:
        raise UserError(f"{option(parameter, file)} cannot be written: {error.strerror or error}.") from error


def draw_rows(root: Path, rows: Sequence[Row]) -> Image.Image:
    """The rows as one picture; paths are relative to ``root``."""
    sheet = Image.new("RGB", (COLUMNS * (TILE + GAP) + GAP, len(rows) * ROW + GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (title, tiles) in enumerate(rows):
        top = number * ROW + GAP
        pen.text((GAP, top), title, fill=INK, font=ImageFont.load_default(15))
        for tile in tiles:
            _draw(sheet, pen, root, tile, (GAP + tile.column * (TILE + GAP), top + TITLE))
    return sheet


def _draw(sheet: Image.Image, pen: ImageDraw.ImageDraw, root: Path, tile: Tile, place: tuple[int, int]) -> None:
    """One image, fitted into a square, with three lines of text."""
    left, top = place
    image = Image.fromarray(FilePixels(root / tile.path, tile.digest).read())
    picture = ImageOps.pad(image, (TILE, TILE), color="white")
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
