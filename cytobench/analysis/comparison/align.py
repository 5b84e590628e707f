"""The test predictions of two rows, image beside image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cytobench.analysis.comparison.candidates import Candidate, common_replicates
from cytobench.analysis.leaderboard.model import Replicate
from cytobench.errors import UserError
from cytobench.metrics.statistics.images import Counts, unit_counts
from cytobench.metrics.statistics.units import unit_numbers
from cytobench.storage.records import predictions_of

if TYPE_CHECKING:
    import pandas as pd


def aligned(a: Candidate, b: Candidate, split: str) -> pd.DataFrame:
    """One line an image and seed: ``seed, fold, path, label, a, b`` (predicted classes) and ``group`` where known.

    Of the replicates that both rows have finished; a group that one of the two names counts for both. Raises UserError
    for predictions that are missing or damaged, and where the two were not tested on the same images with the same
    labels.
    """
    import pandas as pd

    return pd.concat([_paired(a, b, split, where) for where in common_replicates(a, b)], ignore_index=True)


def paired_counts(table: pd.DataFrame, evaluated: Sequence[str]) -> tuple[Counts, Counts]:
    """Counts by unit (image, or group where known) of the rows a and b of an aligned table."""
    import pandas as pd

    units, seeds = unit_numbers(table), pd.factorize(table["seed"])[0]
    codes = {label: number for number, label in enumerate(evaluated)}
    true = table["label"].map(codes).to_numpy(np.int64)
    a, b = (
        unit_counts(true, table[row].map(codes).fillna(-1).to_numpy(np.int64), units, seeds, len(evaluated))
        for row in ("a", "b")
    )
    return a, b


def _paired(a: Candidate, b: Candidate, split: str, where: Replicate) -> pd.DataFrame:
    of_a, of_b = _tested(a, split, where), _tested(b, split, where)
    if not of_a.index.equals(of_b.index) or not of_a["label"].equals(of_b["label"]):
        differing = len(of_a.index.symmetric_difference(of_b.index))
        what = f"{differing} images are in one alone" if differing else "labels differ"
        raise UserError(
            f"{a.name} and {b.name} are never paired: in seed {where.seed} fold {where.fold} they were tested on other "
            f"images ({what})."
        )
    table = of_a.rename(columns={"predicted": "a"}).assign(b=of_b["predicted"])
    if "group" in of_b:
        table["group"] = table["group"].fillna(of_b["group"]) if "group" in table else of_b["group"]
    return table.reset_index().assign(seed=where.seed, fold=where.fold)


def _tested(candidate: Candidate, split: str, where: Replicate) -> pd.DataFrame:
    table = predictions_of(*candidate.trials[where])
    table = table[table["split"] == split]
    columns = [name for name in ("label", "predicted", "group") if name in table]
    return table.set_index("path")[columns].sort_index()
