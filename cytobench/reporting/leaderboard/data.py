"""Formats for programs: CSV (one line a row, split and metric) and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cytobench.analysis.leaderboard.model import (
    Cell,
    FidelityTable,
    Figure,
    Leaderboard,
    Maker,
    Place,
    Published,
    Row,
    Section,
)

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = "published"
"""Stands for data set and preset of the study's rows, and begins their names."""

COLUMNS = (
    *("dataset", "protocol", "preset", "generator", "classifier", "shots", "n_synthetic", "split", "metric"),
    *("mean", "std", "folds", "row"),
    *("std_seeds", "seeds", "complete", "rank", "best", "missing", "failed"),
    *("folds_declared", "folds_made", "seeds_declared"),
    *("generator_ran", "classifier_ran", "device", "limit", "drawn", "grouped", "train_only"),
    *("protocol_version", "dataset_digest", "shots_short", "settings", "made_elsewhere"),
    *("seconds", "seconds_paid", "images_per_second", "peak_memory_mib"),
    *("standing", "p_best"),
    *("submitted", "beside", "verdict"),
    "shots_chosen",
    "distributions",
)
"""The columns of the CSV, in order; the first thirteen are promised to scripts."""


def to_csv(board: Leaderboard) -> str:
    """Long format; empty where there is no figure."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for line in _lines(board):
        writer.writerow({name: _yes(value) if isinstance(value, bool) else value for name, value in line.items()})
    return buffer.getvalue()


def to_dataframe(board: Leaderboard) -> pd.DataFrame:
    """The lines and columns of the CSV; NaN where there is no figure."""
    import pandas as pd

    table = pd.DataFrame(_lines(board), columns=list(COLUMNS))
    empty = [name for name in COLUMNS if table[name].isna().all()]
    return table.astype(dict.fromkeys(empty, float))


def _lines(board: Leaderboard) -> Iterator[dict[str, Any]]:
    """One line a row, split and metric."""
    for section in board.sections:
        for row in section.rows:
            common = _common(section, row)
            for (split, metric), figure in row.figures.items():
                yield {
                    **common,
                    "split": split,
                    "metric": metric,
                    "mean": figure.mean,
                    "std": figure.std,
                    "folds": figure.folds,
                    "std_seeds": figure.std_seeds,
                    "seeds": figure.seeds,
                    "best": (split, metric) in row.best,
                }
        for one in section.published:
            for (split, metric), figure in one.figures.items():
                values = {"mean": figure.mean, "std": figure.std, "folds": figure.folds}
                yield {**_published_common(section, one), "split": split, "metric": metric, **values}


def to_json(board: Leaderboard) -> str:
    """``{"sections": [{..., "rows": [{..., "figures": {SPLIT: {METRIC: {mean, std, folds, best}}}}]}]}``."""
    sections = [_section(section) for section in board.sections]
    return json.dumps({"sections": sections}, indent=1, allow_nan=False) + "\n"


def _section(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "notes": list(section.notes),
        "dataset": section.dataset,
        "dataset_digest": section.dataset_digest,
        "drawn": section.drawn,
        "limit": section.limit,
        "grouped": section.grouped,
        "protocol": section.protocol,
        "protocol_version": section.protocol_version,
        "switches": dict(section.switches),
        "preset": section.preset,
        "device": section.device,
        "seeds": list(section.seeds),
        "train_only": list(section.train_only),
        "dataset_distribution": section.dataset_maker and section.dataset_maker._asdict(),
        "shots_chosen": section.shots_chosen,
        "folds_declared": list(section.folds_declared),
        "folds_made": section.folds_made,
        "majority": _figures(section, None),
        "rows": [_row(section, row) for row in section.rows],
        "published": [
            {
                "row": f"{PUBLISHED}:{one.name}",
                "table": one.table,
                "classifier": one.classifier,
                "n_synthetic": one.n_synthetic,
                "beside": one.ours.row if one.ours else None,
                "verdict": one.verdict,
                "reasons": list(one.reasons),
                "figures": _nested(one.figures),
            }
            for one in section.published
        ],
        "fidelity": [_fidelity(table) for table in section.fidelity],
    }


def _fidelity(table: FidelityTable) -> dict[str, Any]:
    return {
        "extractor": table.extractor,
        "distribution": table.maker.distribution,
        "version": table.maker.version,
        "weights_digest": table.weights_digest or None,
        "dimension": table.dimension,
        "counts": [{**where._asdict(), "n_real": n[0], "n_synthetic": n[1]} for where, n in table.counts.items()],
        "rows": [
            {
                **asdict(row),
                "near_copies": row.near_copies.mean if row.near_copies else None,
                "copying": [{**where._asdict(), "found": found} for where, found in row.copying.items()],
            }
            for row in table.rows
        ],
    }


def _row(section: Section, row: Row) -> dict[str, Any]:
    return {
        "row": row.row,
        "rank": row.rank,
        "generator": row.generator,
        "classifier": row.classifier,
        "shots": row.shots,
        "n_synthetic": row.n_synthetic,
        "preset": row.preset,
        "generator_ran": row.generator_ran or None,
        "classifier_ran": row.classifier_ran,
        "complete": row.complete,
        "made_elsewhere": row.made_elsewhere,
        "missing": [where._asdict() for where in row.missing],
        "failed": [{**where._asdict(), "error": error} for where, error in row.failed.items()],
        "shots_short": row.shortfall,
        "settings": row.settings,
        "seconds": row.seconds,
        "seconds_paid": row.seconds_paid,
        "images_per_second": row.images_per_second,
        "peak_memory_mib": row.peak_memory_mib,
        "standing": row.standing or None,
        "p_best": row.p_best,
        "submitted": row.submitted,
        "distributions": [{**maker._asdict(), "built_in": maker.built_in} for maker in row.makers],
        "figures": _figures(section, row),
    }


def _figures(section: Section, row: Row | None) -> dict[str, dict[str, Any]]:
    """By split and metric; of the majority class without a row."""
    nested = _nested(row.figures if row else section.majority)
    if row:
        for split, metric in row.figures:
            nested[split][metric]["best"] = (split, metric) in row.best
    return nested


def _nested(figures: Mapping[Cell, Figure]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for (split, metric), figure in figures.items():
        nested.setdefault(split, {})[metric] = asdict(figure)
    return nested


def _published_common(section: Section, one: Published) -> dict[str, Any]:
    """The columns of a published row: nothing of it is ours but what it stands beside."""
    return {
        "dataset": PUBLISHED,
        "protocol": "cytodiff",
        "preset": PUBLISHED,
        "classifier": one.classifier,
        "n_synthetic": one.n_synthetic,
        "row": f"{PUBLISHED}:{one.name}",
        "beside": f"{section.title}: {one.ours.row if one.ours else '-'}",
        "verdict": one.verdict,
    }


def _common(section: Section, row: Row) -> dict[str, Any]:
    return {
        "dataset": section.dataset,
        "protocol": section.protocol,
        "preset": row.preset,
        "generator": row.generator,
        "classifier": row.classifier,
        "shots": row.shots,
        "n_synthetic": row.n_synthetic,
        "row": row.row,
        "complete": row.complete,
        "made_elsewhere": row.made_elsewhere,
        "rank": row.rank,
        "missing": _places(row.missing),
        "failed": _places(row.failed),
        "folds_declared": " ".join(map(str, section.folds_declared)),
        "folds_made": section.folds_made,
        "generator_ran": row.generator_ran,
        "classifier_ran": row.classifier_ran,
        "device": "" if row.submitted else section.device,
        "limit": section.limit,
        "drawn": section.drawn,
        "grouped": section.grouped,
        "seeds_declared": " ".join(map(str, section.seeds)),
        "train_only": " ".join(section.train_only),
        "protocol_version": section.protocol_version,
        "dataset_digest": section.dataset_digest,
        "shots_short": row.shortfall,
        "settings": row.settings,
        "seconds": row.seconds,
        "seconds_paid": row.seconds_paid,
        "images_per_second": row.images_per_second,
        "peak_memory_mib": row.peak_memory_mib,
        "standing": row.standing,
        "p_best": row.p_best,
        "submitted": row.submitted,
        "distributions": "; ".join(f"{one.part} {one.distribution} {one.version}" for one in _makers(section, row)),
        "shots_chosen": section.shots_chosen,
    }


def _makers(section: Section, row: Row) -> tuple[Maker, ...]:
    return row.makers if section.dataset_maker is None else (*row.makers, section.dataset_maker)


def _places(places: Iterable[Place]) -> str:
    """``SEED:FOLD`` with spaces between."""
    return " ".join(f"{where.seed}:{where.fold}" for where in places)


def _yes(value: bool) -> str:
    return "true" if value else "false"
