"""Protocols: how real and synthetic images are divided over folds. Only this module knows folds.

A protocol is a frozen set of named switches. ``strict`` promises: shots come only from the fold's training part;
synthetic images go only into training; exact duplicates (decoded pixels) and images of one group stay on one side; the
model picked on validation is the one tested, once; validation and test images are never augmented; the crop is a
fraction, the same for real and synthetic images.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cytobench.errors import UserError
from cytobench.images import View
from cytobench.keys import derive_seed

if TYPE_CHECKING:
    import pandas as pd

    from cytobench.data.dataset import Dataset


@dataclass(frozen=True)
class Protocol:
    """One setting of the switches."""

    name: str
    version: int
    shots_from: Literal["train", "all"]
    keep_together: bool
    selection: Literal["f1_macro", "loss"]
    tested: Literal["picked", "last"]
    crop: float | None

    @property
    def view(self) -> View:
        """The view of every image on its way into a classifier."""
        return View(crop=self.crop)

    @property
    def switches(self) -> dict[str, Any]:
        """The switches by name, without the protocol's own name and version."""
        values = asdict(self)
        return {name: value for name, value in values.items() if name not in ("name", "version")}


PROTOCOLS: Mapping[str, Protocol] = {
    "strict": Protocol(
        name="strict",
        version=1,
        shots_from="train",
        keep_together=True,
        selection="f1_macro",
        tested="picked",
        crop=345 / 400,
    ),
}


@dataclass(frozen=True)
class Fold:
    """One fold: row numbers of the data set's table, int64, each in the table's order."""

    number: int
    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]


def split(
    dataset: Dataset, protocol: Protocol, folds: int, seed: int, train_only: Collection[str] = ()
) -> list[Fold]:
    """Divide a data set into folds.

    Stratified and shuffled with ``seed`` into ``folds`` parts; fold i tests on part (i + folds - 1) mod folds and
    validates on part (i + folds - 2) mod folds (60/20/20 with five). Classes of ``train_only`` are in every training
    part and nowhere else; an image of theirs that is a copy, or of the group, of one held out stays out of that fold.
    Raises UserError naming a class that is too rare.
    """
    if folds < 3:
        raise UserError(f"--folds {folds}: at least 3 are needed (one to test, one to validate, the rest to train).")
    table = dataset.table
    unknown = sorted(set(train_only) - set(dataset.labels))
    if unknown:
        raise UserError(f"--train-only {unknown[0]}: no such class. Classes: {', '.join(dataset.labels)}.")
    apart = table["label"].isin(list(train_only)).to_numpy()
    rows = np.flatnonzero(~apart)
    units = _together(dataset) if protocol.keep_together else np.arange(len(table))
    together = units[rows]
    labels = table["label"].to_numpy()[rows]
    if len(set(labels)) < 2:
        raise UserError("fewer than two classes are left to evaluate; leave fewer to --train-only.")
    _refuse_rare(labels, together, folds, dataset)
    part = _parts(labels, together, folds, seed)
    result = []
    for i in range(folds):
        test, val = part == (i + folds - 1) % folds, part == (i + folds - 2) % folds
        added = np.flatnonzero(apart & ~np.isin(units, together[test | val]))
        train = np.sort(np.concatenate([rows[~(test | val)], added]))
        result.append(Fold(i, train, rows[val], rows[test]))
    return result


def draw_shots(
    dataset: Dataset, protocol: Protocol, fold: Fold | None, label: str, shots: int, seed: int
) -> NDArray[np.int64]:
    """Row numbers of up to ``shots`` different images of a class, drawn at random.

    From the fold's training part, or from the whole data set (``fold`` None, or the protocol says so). A larger number
    of shots contains the smaller one. Copies of an image (equal pixels) count once. A class with fewer images gives
    what it has.
    """
    everywhere = fold is None or protocol.shots_from == "all"
    pool = np.arange(len(dataset.table)) if everywhere or fold is None else fold.train
    table = dataset.table.iloc[pool]
    table = table[table["label"] == label].drop_duplicates("digest")
    rng = np.random.default_rng(derive_seed(seed, "shots", -1 if everywhere or fold is None else fold.number, label))
    order = rng.permutation(len(table))[:shots]
    positions = dataset.table.index.get_indexer(table.index[order])
    return np.asarray(positions, dtype=np.int64)


def find_protocol(name: str) -> Protocol:
    """The protocol of this name. Raises UserError listing the known ones."""
    if name not in PROTOCOLS:
        raise UserError(f"--protocol {name}: no such protocol. Known: {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]


def split_table(
    dataset: Dataset,
    protocol: Protocol,
    folds: int,
    seed: int,
    train_only: Collection[str] = (),
    shots: int | None = None,
) -> pd.DataFrame:
    """``path, label``, then with ``shots`` the columns ``shot0...`` (0 or 1), then ``fold0...`` (train, val, test)."""
    divided = split(dataset, protocol, folds, seed, train_only)
    table = dataset.table[["path", "label"]].copy()
    if shots is not None:
        for fold in divided:
            chosen = [draw_shots(dataset, protocol, fold, label, shots, seed) for label in dataset.labels]
            table[f"shot{fold.number}"] = np.isin(np.arange(len(table)), np.concatenate(chosen)).astype(int)
    for fold in divided:
        parts = np.full(len(table), "train", dtype=object)
        parts[fold.val], parts[fold.test] = "val", "test"
        table[f"fold{fold.number}"] = parts
    return table


def _together(dataset: Dataset) -> NDArray[np.int64]:
    """A number an image; images of one group, and equal images, have the same (connected components)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    table = dataset.table
    n = len(table)
    rows: list[int] = []
    columns: list[int] = []
    for column in ("digest", "group"):
        known = table[column].dropna() if column in table else table["digest"].iloc[:0]
        positions = table.index.get_indexer(known.index)
        first: dict[Any, int] = {}
        for position, value in zip(positions, known, strict=True):
            rows.append(int(position))
            columns.append(first.setdefault(value, int(position)))
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(n, n))
    _, numbers = connected_components(graph, directed=False)
    return np.asarray(numbers, dtype=np.int64)


def _refuse_rare(labels: NDArray[Any], together: NDArray[np.int64], folds: int, dataset: Dataset) -> None:
    grouped = bool(dataset.table["group"].notna().any())
    what = "groups" if grouped else "different images"
    for label in sorted(set(labels)):
        units = len(set(together[labels == label]))
        if units < folds:
            fewer = f"--folds {units}, or " if units >= 3 else ""
            raise UserError(
                f"class {label} has {units} {what}, too few for {folds} folds. Ways out: {fewer}--train-only "
                f"{label} (it then helps to train and is left out of the scores)."
            )


def _parts(labels: NDArray[Any], together: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """The part (0 .. folds - 1) each image falls into, by scikit-learn's stratified splitters."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    part = np.empty(len(labels), dtype=np.int64)
    if len(set(together)) == len(together):
        splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    else:
        splits = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(labels, labels, together)
    for i, (_, chosen) in enumerate(splits):
        part[chosen] = i
    for label in sorted(set(labels)):
        absent = sorted(set(range(folds)) - set(part[labels == label]))
        if absent:
            raise UserError(
                f"class {label} cannot be divided over {folds} folds without tearing groups or copies apart. Ways "
                f"out: fewer --folds, or --train-only {label}."
            )
    return part
