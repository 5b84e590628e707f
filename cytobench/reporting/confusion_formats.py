"""Confusion matrices: which classes are taken for which, of rows on record and of the published study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cytobench.metrics.confusion import ConfusionMatrix
from cytobench.reporting.confusion import to_csv, to_json, to_table
from cytobench.reporting.figures.confusion_svg import to_svg

FORMATS: Mapping[str, Callable[[Sequence[ConfusionMatrix]], str]] = {
    "table": to_table,
    "csv": to_csv,
    "json": to_json,
    "svg": to_svg,
}

__all__ = ["FORMATS", "ConfusionMatrix", "to_csv", "to_json", "to_svg", "to_table"]
