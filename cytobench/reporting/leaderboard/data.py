"""Formats for programs: CSV (one line a row, split and metric) and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cytobench.analysis.leaderboard.model import (
    Aggregate,
    Environment,
    FidelityRow,
    FidelityTable,
    Leaderboard,
    PublishedComparison,
    Replicate,
    Row,
    ScoreKey,
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
    "findings",
    "environments",
    *("copies", "copies_equal", "copies_compared", "copies_unchecked"),
)
"""The columns of the CSV, in order; the first thirteen are promised to scripts."""

_OF_SECTION = ("dataset", "protocol", "folds_made", "limit", "drawn", "grouped", "protocol_version", "dataset_digest")
_OF_ROW = (
    *("preset", "generator", "classifier", "shots", "n_synthetic", "row", "complete", "made_elsewhere", "rank"),
    *("generator_ran", "classifier_ran", "settings", "seconds", "seconds_paid", "images_per_second"),
    *("peak_memory_mib", "p_best", "submitted"),
)
"""Columns that are called as they are in the model."""


def to_csv(board: Leaderboard) -> str:
    """Long format; empty where there is no score."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for line in _lines(board):
        flags = {name: str(value).lower() for name, value in line.items() if isinstance(value, bool)}
        writer.writerow({**line, **flags})
    return buffer.getvalue()


def to_dataframe(board: Leaderboard) -> pd.DataFrame:
    """The lines and columns of the CSV; NaN where there is no score."""
    import pandas as pd

    table = pd.DataFrame(_lines(board), columns=list(COLUMNS))
    empty = [name for name in COLUMNS if table[name].isna().all()]
    return table.astype(dict.fromkeys(empty, float))


def to_json(board: Leaderboard) -> str:
    """``{"sections": [{..., "rows": [{..., "figures": {SPLIT: {METRIC: {mean, std, folds, best}}}}]}]}``."""
    sections = [_section(section) for section in board.sections]
    return json.dumps({"sections": sections}, indent=1, allow_nan=False) + "\n"


def _lines(board: Leaderboard) -> Iterator[dict[str, Any]]:
    """One line a row, split and metric, then those of the study's rows."""
    for section in board.sections:
        for row in section.rows:
            common = _common(section, row)
            for (split, metric), score in row.aggregates.items():
                best = (split, metric) in row.best
                yield {**common, "split": split, "metric": metric, **asdict(score), "best": best}
        for comparison in section.published:
            beside = f"{section.title}: {comparison.ours.row if comparison.ours else '-'}"
            common = {"dataset": PUBLISHED, "protocol": "cytodiff", "preset": PUBLISHED, "row": _name(comparison)}
            common |= {"classifier": comparison.classifier, "n_synthetic": comparison.n_synthetic}
            common |= {"beside": beside, "verdict": comparison.verdict}
            for (split, metric), score in comparison.aggregates.items():
                values = {"mean": score.mean, "std": score.std, "folds": score.folds}
                yield {**common, "split": split, "metric": metric, **values}


def _common(section: Section, row: Row) -> dict[str, Any]:
    return {
        **{name: getattr(section, name) for name in _OF_SECTION},
        **{name: getattr(row, name) for name in _OF_ROW},
        "standing": str(row.standing or ""),
        "missing": _replicates(row.missing),
        "failed": _replicates(row.failed),
        "folds_declared": " ".join(map(str, section.folds_declared)),
        "seeds_declared": " ".join(map(str, section.seeds)),
        "train_only": " ".join(section.train_only),
        "device": "" if row.submitted else section.device,
        "shots_short": row.shortfall,
        "shots_chosen": section.shots_chosen,
        "findings": " ".join(finding.text for finding in section.findings or ()),
        **_copies(row),
        "environments": "; ".join(
            f"{_replicates(each.replicates)} {', '.join(' '.join(pair) for pair in each.made_with)}"
            for each in row.environments
        ),
        "distributions": "; ".join(" ".join(maker) for maker in (*row.makers, section.dataset_maker) if maker),
    }


def _copies(row: Row) -> dict[str, int | None]:
    """Copies of real images among the synthetic ones; empty where there are none of these, or none was compared."""
    copies = row.copies
    if copies is None:
        return {}
    checked = copies.n_images > 0
    return {
        "copies": copies.found if checked else None,
        "copies_equal": copies.equal if checked else None,
        "copies_compared": copies.n_images,
        "copies_unchecked": copies.unchecked,
    }


def _section(section: Section) -> dict[str, Any]:
    names = (
        *("title", "notes", "dataset", "other_names", "dataset_digest", "drawn", "limit", "grouped"),
        *("protocol", "protocol_version"),
        *("switches", "preset", "device", "seeds", "train_only"),
    )
    return {
        **{name: getattr(section, name) for name in names},
        "dataset_distribution": section.dataset_maker and section.dataset_maker._asdict(),
        **{name: getattr(section, name) for name in ("shots_chosen", "folds_declared", "folds_made")},
        "findings": None if section.findings is None else [asdict(finding) for finding in section.findings],
        "majority": _nested(section.majority),
        "rows": [_row(row) for row in section.rows],
        "published": [_published(comparison) for comparison in section.published],
        "fidelity": [_fidelity(table) for table in section.fidelity],
    }


def _row(row: Row) -> dict[str, Any]:
    names = ("row", "rank", "generator", "classifier", "shots", "n_synthetic", "preset")
    costs = ("settings", "seconds", "seconds_paid", "images_per_second", "peak_memory_mib")
    failed = {name: asdict(failure) for name, failure in row.metrics_failed.items()}
    scores = _nested(row.aggregates)
    for split, metric in row.aggregates:
        scores[split][metric]["best"] = (split, metric) in row.best
    return {
        **{name: getattr(row, name) for name in names},
        "generator_ran": row.generator_ran or None,
        **{name: getattr(row, name) for name in ("classifier_ran", "complete", "made_elsewhere")},
        "missing": [where._asdict() for where in row.missing],
        "failed": [{**where._asdict(), "error": error} for where, error in row.failed.items()],
        "shots_short": row.shortfall,
        **{name: getattr(row, name) for name in (*costs, "standing", "p_best", "submitted")},
        "copies": row.copies and asdict(row.copies),
        "distributions": [{**maker._asdict(), "built_in": maker.built_in} for maker in row.makers],
        "figures": scores,
        **({"environments": list(map(_environment, row.environments))} if row.environments else {}),
        **({"metrics_failed": failed} if failed else {}),
    }


def _environment(environment: Environment) -> dict[str, Any]:
    return {
        "trials": [where._asdict() for where in environment.replicates],
        "made_with": dict(environment.made_with),
    }


def _published(comparison: PublishedComparison) -> dict[str, Any]:
    return {
        "row": _name(comparison),
        **{name: getattr(comparison, name) for name in ("table", "classifier", "n_synthetic")},
        "beside": comparison.ours.row if comparison.ours else None,
        **{name: getattr(comparison, name) for name in ("verdict", "reasons")},
        "figures": _nested(comparison.aggregates),
    }


def _name(comparison: PublishedComparison) -> str:
    return f"{PUBLISHED}:{comparison.name}"


def _fidelity(table: FidelityTable) -> dict[str, Any]:
    return {
        "extractor": table.extractor,
        "distribution": table.maker.distribution,
        "version": table.maker.version,
        "weights_digest": table.weights_digest or None,
        "dimension": table.dimension,
        "counts": [{**where._asdict(), "n_real": n[0], "n_synthetic": n[1]} for where, n in table.counts.items()],
        "rows": [_fidelity_row(row) for row in table.rows],
    }


def _fidelity_row(row: FidelityRow) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in ("generator", "shots", "n_synthetic", "settings")},
        "figures": {name: score and asdict(score) for name, score in row.aggregates.items()},
        "copying": [{**where._asdict(), "found": copied} for where, copied in row.copying.items()],
        "near_copies": row.near_copies.mean if row.near_copies else None,
        "third_party": row.third_party,
    }


def _nested(aggregates: Mapping[ScoreKey, Aggregate]) -> dict[str, dict[str, Any]]:
    """By split and metric."""
    nested: dict[str, dict[str, Any]] = {}
    for (split, metric), score in aggregates.items():
        nested.setdefault(split, {})[metric] = asdict(score)
    return nested


def _replicates(replicates: Iterable[Replicate]) -> str:
    """``SEED:FOLD`` with spaces between."""
    return " ".join(f"{where.seed}:{where.fold}" for where in replicates)
