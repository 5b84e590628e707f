"""The published tables and confusion matrices."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from cytobench.analysis.leaderboard.model import Aggregate, ScoreKey
from cytobench.errors import UserError
from cytobench.metrics.confusion import ConfusionMatrix

TABLES = ("S1", "S2", "S3")
FOLDS = 5


@dataclass(frozen=True)
class PublishedRow:
    """A row of a table: means and sample standard deviations over five folds, 0 to 1, two decimals.

    ``n`` is the number of synthetic images a class, None for the random baseline. ``synthetic_only`` is Table S1: no
    real image in training, validation or test.
    """

    table: str
    classifier: str
    n: int | None
    aggregates: Mapping[ScoreKey, Aggregate]

    @property
    def synthetic_only(self) -> bool:
        """Whether the row knows no real image."""
        return self.table == "S1"

    @property
    def name(self) -> str:
        """``S3/clip/n100``."""
        return f"{self.table}/{self.classifier}" + ("" if self.n is None else f"/n{self.n}")


@dataclass(frozen=True)
class PublishedFigure:
    """A confusion matrix: of which classifier, with how many synthetic images a class, and the table it belongs to."""

    classifier: str
    n: int
    table: str


FIGURES: Mapping[str, PublishedFigure] = {
    "s3": PublishedFigure("resnet50", 0, "S2"),
    "s4": PublishedFigure("clip", 0, "S3"),
    "s9": PublishedFigure("resnet50", 3000, "S2"),
    "s10": PublishedFigure("clip", 3000, "S3"),
}


@cache
def published_rows() -> tuple[PublishedRow, ...]:
    """Every row of Tables S1 to S3, in their order."""
    found: dict[tuple[str, str, str], dict[ScoreKey, Aggregate]] = {}
    for table in TABLES:
        for line in csv.DictReader(_lines(f"cytodiff_table_{table.lower()}.csv")):
            figures = found.setdefault((table, line["classifier"], line["n_synthetic_per_class"]), {})
            figures[line["split"], line["metric"]] = Aggregate(float(line["mean"]), float(line["std"]), FOLDS)
    return tuple(
        PublishedRow(table, classifier, int(n) if n else None, figures)
        for (table, classifier, n), figures in found.items()
    )


def published_row(name: str) -> PublishedRow:
    """The row of a table that the confusion matrix of a figure (``s3``) belongs to."""
    figure = FIGURES[_key(name)]
    wanted = (figure.table, figure.classifier, figure.n)
    return next(row for row in published_rows() if (row.table, row.classifier, row.n) == wanted)


@cache
def published_matrix(name: str) -> ConfusionMatrix:
    """The confusion matrix of a figure (``s3``, ``s4``, ``s9``, ``s10``; ``S9`` is the same).

    Summed over the five test folds, with the study's seven padded rows and, where there are any, its synthetic test
    images. Raises UserError for another name.
    """
    key = _key(name)
    figure = FIGURES[key]
    header, *rows = csv.reader(_lines(f"cytodiff_fig_{key}.csv"))
    pooled = f"{figure.n:,} synthetic images a class, which are among those tested"
    return ConfusionMatrix(
        source=f"published {key.upper()}",
        title=f"Published, Fig. {key.upper()}: {figure.classifier}, {pooled if figure.n else 'real images alone'}",
        true=tuple(row[0] for row in rows),
        predicted=tuple(header[1:]),
        counts=np.array([[int(cell) for cell in row[1:]] for row in rows], dtype=np.int64),
        notes=("CytoDiff study (arXiv 2507.05063), five test folds together.",),
    )


def published_fids() -> list[tuple[str, float, int]]:
    """Class, FID and number of images of each bar of Fig. S8; the numbers differ, and FID depends on them."""
    lines = csv.DictReader(_lines("cytodiff_fig_s8.csv"))
    return [(line["class"], float(line["fid"]), int(line["images"])) for line in lines]


def _key(name: str) -> str:
    if name.lower() not in FIGURES:
        raise UserError(f"--published {name}: no such figure. Confusion matrices: {', '.join(FIGURES)}.")
    return name.lower()


def _lines(name: str) -> list[str]:
    return files("cytobench.analysis.published").joinpath(name).read_text(encoding="utf-8").splitlines()
