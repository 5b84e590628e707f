"""Which images of a data set are called blurred, over-exposed or under-exposed.

An image is held against its own class, because a lymphocyte never has the detail of a promyelocyte, and against a bound
that no image well taken crosses, because some image of every class is the least sharp. docs/data.md says how often the
rule is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SHARP = 0.04
"""An image this sharp is never called blurred."""

LEAST_SHARE = 1 / 3
"""An image of at least this share of its class's median sharpness is never called blurred."""

LOST = 0.2
"""An image with at most this share of white (or black) pixels is never called over-exposed (or under-exposed)."""

DEVIATIONS = 3.0
"""Nor is one whose share is within so many robust standard deviations (1.4826 MAD) of its class's median."""

OWN_MEDIAN = 10
"""A class of fewer images than this is held against the median of the whole data set."""


def blurred(table: pd.DataFrame) -> pd.DataFrame:
    """The rows called blurred, the least sharp of their class first, with the column ``median``.

    ``table`` has the columns ``label`` and ``sharpness`` of :func:`cytobench.data.quality.optics.measure`; ``median``
    is the sharpness that the image was held against. Blurred is less than ``SHARP`` and less than ``LEAST_SHARE`` of
    it.
    """
    ranked = by_sharpness(table)
    return ranked[(ranked["sharpness"] < SHARP) & (ranked["sharpness"] < LEAST_SHARE * ranked["median"])]


def clipped(table: pd.DataFrame, shade: str) -> pd.DataFrame:
    """The rows called over-exposed (``shade`` is ``white``) or under-exposed (``black``), the worst first.

    Over-exposed is a share of white pixels above ``LOST`` that is ``DEVIATIONS`` robust standard deviations above the
    median of its class, given as ``median``. So the white ground of a whole class is no fault of its images.
    """
    ranked = by_shade(table, shade)
    spread = 1.4826 * _median(ranked.assign(off=(ranked[shade] - ranked["median"]).abs()), "off")
    return ranked[(ranked[shade] > LOST) & (ranked[shade] > ranked["median"] + DEVIATIONS * spread)]


def by_sharpness(table: pd.DataFrame) -> pd.DataFrame:
    """All rows with the column ``median``, the least sharp for their class first."""
    compared = table.assign(median=_median(table, "sharpness"))
    order = (compared["sharpness"] / compared["median"]).fillna(0).sort_values(kind="stable").index
    return compared.loc[order]


def by_shade(table: pd.DataFrame, shade: str) -> pd.DataFrame:
    """All rows with the column ``median``, those with the most white (or black) above their class first."""
    compared = table.assign(median=_median(table, shade))
    return compared.loc[(compared["median"] - compared[shade]).sort_values(kind="stable").index]


def _median(table: pd.DataFrame, column: str) -> pd.Series[float]:
    """For each row the median of its class, or of all rows where its class is small."""
    classes = table.groupby("label")[column]
    return classes.transform("median").where(classes.transform("size") >= OWN_MEDIAN, table[column].median())
