"""A contact sheet of the phantom: `python -m cytobench_phantom.sheet OUT.png`."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from cytobench_phantom.dataset import draw
from cytobench_phantom.morphology import CODES, COUNTS, LABELS

TILE, GAP, NAMES = 80, 4, 176


def contact_sheet(columns: int = 8, seed: int = 42) -> Image.Image:
    """One row a class with its name and its first `columns` images."""
    sheet = Image.new(
        "RGB", (NAMES + columns * (TILE + GAP) + GAP, len(LABELS) * (TILE + GAP) + GAP), "white"
    )
    pen = ImageDraw.Draw(sheet)
    bold, plain = ImageFont.load_default(15), ImageFont.load_default(12)
    for row, label in enumerate(LABELS):
        top = GAP + row * (TILE + GAP)
        pen.text((12, top + TILE / 2 - 18), label, fill=(30, 25, 50), font=bold)
        pen.text(
            (12, top + TILE / 2 + 3),
            f"{CODES[label]}, {COUNTS[label]} images",
            fill=(120, 115, 135),
            font=plain,
        )
        for column in range(columns):
            tile = Image.fromarray(draw(label, column, seed)).resize((TILE, TILE), Image.Resampling.LANCZOS)
            sheet.paste(tile, (NAMES + GAP + column * (TILE + GAP), top))
    return sheet


def main() -> None:
    """Write the sheet to the PNG file named on the command line, 256 colours to keep it small."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    contact_sheet().quantize(256, kmeans=2, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main()
