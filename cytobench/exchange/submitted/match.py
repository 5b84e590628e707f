"""Whether predictions fit a split: every test image of every fold once, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cytobench._text import did_you_mean
from cytobench.data.listing import some_of
from cytobench.errors import UserError
from cytobench.exchange.submitted.predictions import Predictions
from cytobench.exchange.submitted.split_file import SplitFile

if TYPE_CHECKING:
    import pandas as pd

SPLITS: Mapping[str, str] = {"test": "test", "validation": "val", "val": "val"}
"""The words of a column ``split``, and those of a split's file."""


def match_predictions(predictions: Predictions, split_file: SplitFile) -> pd.DataFrame:
    """The predictions with ``path``, ``split`` (``test``, ``validation``), ``fold`` (int), ``label``, ``predicted``.

    Without a column ``split`` all rows are test images; those of validation are optional, and then complete. The fold
    of a row is the one that tests its image. Raises one UserError that names all that does not fit, a few of each
    kind: paths that are unknown, trained on, missing or there twice, labels that contradict, other folds, unknown
    classes.
    """
    import pandas as pd

    table = predictions.table.copy()
    words = table["split"] if "split" in table else pd.Series("test", index=table.index)
    strange = sorted(set(words) - set(SPLITS))
    if strange:
        raise UserError(f"{predictions.source}: split {strange[0]!r} is neither test nor validation.")
    problems: dict[str, list[str]] = {"paths that the split does not have": _unknown(table, split_file)}
    parts = words.map(SPLITS)
    matched = []
    for part, name in (("test", "test"), ("val", "validation")):
        rows = table[parts == part]
        if part == "test" or len(rows):
            where = split_file.images(part)
            for what, texts in _problems(rows, where, name, set(split_file.table["path"])).items():
                problems.setdefault(what, []).extend(texts)
            rows = rows[rows["path"].isin(where.index)].drop_duplicates("path")
            known = where.loc[rows["path"]]
            matched.append(rows.assign(split=name, label=known["label"].to_numpy(), fold=known["fold"].to_numpy()))
    problems |= _classes(predictions, split_file)
    _refuse(predictions, split_file, problems)
    return pd.concat(matched, ignore_index=True)


def _unknown(table: pd.DataFrame, split_file: SplitFile) -> list[str]:
    return sorted(set(table["path"]) - set(split_file.table["path"]))


def _problems(rows: pd.DataFrame, where: pd.DataFrame, name: str, known: set[str]) -> dict[str, list[str]]:
    """What is wrong with the rows of one part, by kind. ``where`` says label and fold of every image of the part."""
    labels: dict[str, str] = dict(zip(where.index, where["label"], strict=True))
    folds: dict[str, int] = dict(zip(where.index, where["fold"], strict=True))
    problems = {
        f"images that no fold has in {name}": sorted(set(rows["path"]) & known - labels.keys()),
        f"{name} images without a prediction": sorted(labels.keys() - set(rows["path"])),
        "paths that are there twice": sorted(set(rows.loc[rows["path"].duplicated(), "path"])),
    }
    if "label" in rows:
        pairs = zip(rows["path"], rows["label"], strict=True)
        problems["labels that contradict the split"] = [
            f"{path}: {label!r}, in the split {labels[path]!r}"
            for path, label in pairs
            if labels.get(path, label) != label
        ]
    if "fold" in rows:
        pairs = zip(rows["path"], rows["fold"], strict=True)
        problems["rows of another fold than the split's"] = [
            f"{path}: fold {fold}, in the split {folds[path]}"
            for path, fold in pairs
            if path in folds and not re.fullmatch(rf"(fold)?{folds[path]}(\.0)?", fold)
        ]
    return problems


def _classes(predictions: Predictions, split_file: SplitFile) -> dict[str, list[str]]:
    strange = sorted(set(predictions.table["predicted"]) - set(split_file.labels))
    strange = [f"{label!r}{did_you_mean(label, split_file.labels)}" for label in strange]
    columns = predictions.classes
    known = split_file.labels
    needed = [label for label in known if label not in split_file.train_only]
    return {
        "predicted labels that are no class of the split": strange,
        "columns p_LABEL of no class of the split": [f"p_{label}" for label in columns if label not in known],
        "classes without a column p_LABEL": [label for label in needed if columns and label not in columns],
    }


def _refuse(predictions: Predictions, split_file: SplitFile, problems: Mapping[str, Sequence[str]]) -> None:
    blocks = [f"{len(texts)} {what}:\n{some_of(texts)}" for what, texts in problems.items() if texts]
    if blocks:
        raise UserError(f"{predictions.source} does not fit {split_file.file}:\n" + "\n".join(blocks))
