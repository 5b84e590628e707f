"""A contact sheet of the worst images of a data set, with the sharpest beside them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd
from PIL import Image

from cytobench.data.quality.doubtful import blurred, by_shade, by_sharpness, clipped
from cytobench.data.quality.tiles import COLUMNS, Tile, draw_rows


def draw_sheet(root: Path, table: pd.DataFrame) -> Image.Image:
    """Rows of the least sharp images, of the sharpest of the same classes under them, and of the most white or black.

    ``table`` has the columns path (relative to ``root``), digest, label, sharpness, white and black, and at
    least one row. Those that are called blurred, over-exposed or under-exposed have a red frame. A row of
    white or of black is left out where no image has any.
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
    return draw_rows(root, rows)


def _beside(worst: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """For each of the worst another of its class, sharpest first, with its ``column``; fewer where there is none."""
    best = others.iloc[::-1].assign(turn=lambda rows: rows.groupby("label").cumcount())
    places = worst[["label"]].assign(turn=worst.groupby("label").cumcount(), column=range(len(worst)))
    return places.merge(best, on=["label", "turn"])


def _tiles(rows: pd.DataFrame, measure: str, flagged: Collection[str]) -> list[Tile]:
    """What is shown of rows with the columns path, digest, label, median and the measure, and perhaps column."""
    named = set(flagged)
    words = "sharpness {0:.3f}, median {1:.3f}" if measure == "sharpness" else measure + " {0:.0%}, median {1:.0%}"
    columns = rows["column"] if "column" in rows else range(len(rows))
    values = zip(columns, *(rows[key] for key in ("path", "digest", "label", measure, "median")), strict=True)
    return [
        Tile(column, path, digest, label, words.format(value, median), path in named)
        for column, path, digest, label, value, median in values
    ]
