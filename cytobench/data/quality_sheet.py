"""A contact sheet of the best and the worst images of each class, in the order in which shots are chosen from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from PIL import Image

from cytobench.data.choice import best_first
from cytobench.data.quality.tiles import COLUMNS, Row, Tile, draw_rows


def draw_quality_sheet(root: Path, table: pd.DataFrame, labels: Sequence[str]) -> Image.Image:
    """For each class the first images in the order of ``sharpest`` beside the last; of a single class a row of each.

    ``table`` has the columns path (relative to ``root``), label, digest, quality, white, black and cell_sharpness.
    Copies count once. No image is shown twice. Badly exposed images have a red frame.
    """
    rows: list[Row] = []
    shown = COLUMNS if len(labels) == 1 else COLUMNS // 2
    for label in labels:
        ranked = best_first(table[table["label"] == label]).drop_duplicates("digest")
        number = f"{len(ranked)} {label}"
        best = ranked.head(min(shown, (len(ranked) + 1) // 2))
        worst = ranked.tail(min(shown, len(ranked) // 2))
        if len(labels) == 1:
            rows += [(f"The sharpest of {number}", _tiles(best)), (f"The least sharp of {number}", _tiles(worst))]
        else:
            tiles = _tiles(best) + _tiles(worst, COLUMNS - len(worst))
            rows.append((f"Of {number}: the sharpest, and on the right the least sharp", tiles))
    return draw_rows(root, rows)


def _tiles(rows: pd.DataFrame, first: int = 0) -> list[Tile]:
    columns = ("path", "digest", "label", "cell_sharpness", "quality", "badly_exposed")
    values = zip(range(first, first + len(rows)), *(rows[key] for key in columns), strict=True)
    return [
        Tile(column, path, digest, label, _words(sharpness, quality, bad), bool(bad))
        for column, path, digest, label, sharpness, quality, bad in values
    ]


def _words(sharpness: float, quality: float, badly_exposed: bool) -> str:
    words = [f"cell {sharpness:.3f}"]
    words += [] if pd.isna(quality) else [f"quality {quality:g}"]
    words += ["badly exposed"] if badly_exposed else []
    return ", ".join(words)
