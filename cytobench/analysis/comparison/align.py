"""The test predictions of two rows, image beside image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cytobench.analysis.comparison.candidates import Candidate
from cytobench.analysis.leaderboard.model import Replicate
from cytobench.errors import UserError
from cytobench.storage.records import Record, predictions_of

if TYPE_CHECKING:
    import pandas as pd


def aligned(a: Candidate, b: Candidate, split: str) -> pd.DataFrame:
    """One line an image and seed: ``seed, fold, path, label, a, b`` (predicted classes) and ``group`` where known.

    Of the places that both rows have finished; a group that one of the two names counts for both. Raises UserError for
    predictions that are missing or damaged, and where the two were not tested on the same images with the same labels.
    """
    import pandas as pd

    common = sorted(set(a.trials) & set(b.trials))
    return pd.concat([_place(a, b, split, where) for where in common], ignore_index=True)


def _place(a: Candidate, b: Candidate, split: str, where: Replicate) -> pd.DataFrame:
    mine, other = _tested(a.trials, split, where), _tested(b.trials, split, where)
    if not mine.index.equals(other.index) or not mine["label"].equals(other["label"]):
        differing = len(mine.index.symmetric_difference(other.index))
        what = f"{differing} images are in one alone" if differing else "labels differ"
        raise UserError(
            f"{a.name} and {b.name} are never paired: in seed {where.seed} fold {where.fold} they were tested on other "
            f"images ({what})."
        )
    table = mine.rename(columns={"predicted": "a"}).assign(b=other["predicted"])
    if "group" in other:
        table["group"] = table["group"].fillna(other["group"]) if "group" in table else other["group"]
    return table.reset_index().assign(seed=where.seed, fold=where.fold)


def _tested(trials: Mapping[Replicate, tuple[Record, Path]], split: str, where: Replicate) -> pd.DataFrame:
    table = predictions_of(*trials[where])
    table = table[table["split"] == split]
    columns = [name for name in ("label", "predicted", "group") if name in table]
    return table.set_index("path")[columns].sort_index()
