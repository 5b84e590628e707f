"""Protocols: how real and synthetic images are divided over folds. Only this module knows folds.

A protocol is a frozen set of named switches. ``strict`` promises: shots come only from the fold's training part;
synthetic images go only into training; exact duplicates (decoded pixels) and images of one group stay on one side; the
model picked on validation is the one tested, once; validation and test images are never augmented; the crop is a
fraction, the same for real and synthetic images. ``cytodiff`` is the CytoDiff study's own way (arXiv 2507.05063), with
none of these promises, for comparison with its figures.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cytobench.errors import UserError
from cytobench.images import View
from cytobench.keys import derive_seed
from cytobench.prompts import CLASS_NAMES
from cytobench.recolour import Recolouring

if TYPE_CHECKING:
    import pandas as pd

    from cytobench.data.dataset import Dataset


@dataclass(frozen=True)
class Protocol:
    """One setting of the switches."""

    name: str
    version: int
    shots_from: Literal["train", "all"]
    """Where shots are drawn: the fold's training part, or all images."""
    keep_together: bool
    """Whether copies and groups stay in one part."""
    pooled: bool
    """Whether synthetic images are divided over the parts with the real ones, anew for every number of them."""
    order: Literal["label", "class_name"]
    """How real images are ordered before they are divided: by label or by class name, then by file."""
    selection: Literal["f1_macro", "loss"]
    """What the picked checkpoint is best in on validation."""
    tested: Literal["picked", "last"]
    """Which checkpoint predicts the test images."""
    crop: float | None
    """Side of the central square that is kept, as a share of the shorter side."""
    crop_pixels: int | None
    """The same in pixels."""
    recoloured: bool
    """Whether images are recoloured as in the study: HED in training; HSV in validation; both in test."""

    @property
    def view(self) -> View:
        """The clean view of an image on its way into a classifier: cropped, nothing else."""
        return View(crop=self.crop, crop_pixels=self.crop_pixels)

    def evaluation_view(self, part: Literal["val", "test"], seed: int) -> View:
        """The view of validation or test images that the protocol scores; recoloured from ``seed`` and position."""
        if not self.recoloured:
            return self.view
        return replace(self.view, recolouring=Recolouring(hsv=True, hed=part == "test", seed=seed))

    @property
    def training_recolouring(self) -> tuple[float, float] | None:
        """Probabilities of HSV and HED recolouring of a training image; None leaves them to the classifier."""
        return (0.0, 1.0) if self.recoloured else None

    @property
    def clean_beside(self) -> bool:
        """Whether scores of the clean real images alone stand beside those of the protocol."""
        return self.pooled or self.recoloured

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
        pooled=False,
        order="label",
        selection="f1_macro",
        tested="picked",
        crop=345 / 400,
        crop_pixels=None,
        recoloured=False,
    ),
    "cytodiff": Protocol(
        name="cytodiff",
        version=1,
        shots_from="all",
        keep_together=False,
        pooled=True,
        order="class_name",
        selection="loss",
        tested="last",
        crop=None,
        crop_pixels=345,
        recoloured=True,
    ),
}


@dataclass(frozen=True)
class RareClass:
    """A class with fewer units than folds; images that are kept together are one unit."""

    label: str
    units: int
    counted: Literal["groups", "different images"]
    """What the units are: groups, where the data set names any."""


class TooRare(UserError):
    """Classes that are too rare for the folds: ``classes`` has all, the message is about the first."""

    def __init__(self, classes: Sequence[RareClass], folds: int) -> None:
        label, units = classes[0].label, classes[0].units
        fewer = f"--folds {units}, or " if units >= 3 else ""
        super().__init__(
            f"class {label} has {units} {classes[0].counted}, too few for {folds} folds. Ways out: {fewer}--train-only "
            f"{label} (it then helps to train and is left out of the scores), or --merge {label},OTHER=NAME."
        )
        self.classes = tuple(classes)


SyntheticParts = Mapping[str, Mapping[str, "NDArray[np.int64]"]]
"""By part (``train``, ``val``, ``test``) and label: which synthetic images are in it, by index."""


@dataclass(frozen=True)
class Fold:
    """One fold: row numbers of the data set's table, int64, and the synthetic images of each part."""

    number: int
    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    synthetic: SyntheticParts = field(default_factory=dict)


def split(
    dataset: Dataset,
    protocol: Protocol,
    folds: int,
    seed: int,
    train_only: Collection[str] = (),
    synthetic: int = 0,
    seen: Collection[int] = (),
) -> list[Fold]:
    """Divide a data set, and ``synthetic`` images a class, into folds.

    Stratified and shuffled with ``seed`` into ``folds`` parts; fold i tests on part (i + folds - 1) mod folds and
    validates on part (i + folds - 2) mod folds (60/20/20 with five). Synthetic images are in training alone, or, where
    the protocol pools, are divided with the real ones, after all of them. Classes of ``train_only`` are in every
    training part and nowhere else; an image of theirs that is a copy, or of the group, of one held out stays out of
    that fold. ``seen`` are rows that a generator made elsewhere has seen: with their copies and groups they are in
    every training part and nowhere else. Raises TooRare for classes that are too rare.
    """
    refuse_few_folds(folds)
    table = dataset.table
    unknown = sorted(set(train_only) - set(dataset.labels))
    if unknown:
        raise UserError(f"--train-only {unknown[0]}: no such class. Classes: {', '.join(dataset.labels)}.")
    if protocol.pooled:
        return _split_pooled(dataset, protocol, folds, seed, train_only, synthetic)
    units = _together(dataset) if protocol.keep_together else np.arange(len(table))
    apart = table["label"].isin(list(train_only)).to_numpy() | np.isin(units, units[list(seen)])
    ordered = np.array([row.real for row in _pool(dataset, protocol, (), 0) if row.real is not None], dtype=np.int64)
    rows = ordered[~apart[ordered]]
    together = units[rows]
    labels = table["label"].to_numpy()[rows]
    if len(set(labels)) < 2:
        raise UserError("fewer than two classes are left to evaluate; leave fewer to --train-only.")
    _refuse_rare(labels, together, folds, dataset)
    part = _parts(labels, together, folds, seed)
    made = {"train": {label: np.arange(synthetic) for label in dataset.labels if synthetic}}
    result = []
    for i in range(folds):
        test, val = part == (i + folds - 1) % folds, part == (i + folds - 2) % folds
        added = np.flatnonzero(apart & ~np.isin(units, together[test | val]))
        train = np.sort(np.concatenate([rows[~(test | val)], added]))
        result.append(Fold(i, train, np.sort(rows[val]), np.sort(rows[test]), made))
    return result


def refuse_few_folds(folds: int) -> None:
    """Raise UserError where a division has too few parts to train, validate and test on different ones."""
    if folds < 3:
        raise UserError(f"--folds {folds}: at least 3 are needed (one to test, one to validate, the rest to train).")


def _split_pooled(
    dataset: Dataset,
    protocol: Protocol,
    folds: int,
    seed: int,
    train_only: Collection[str],
    synthetic: int,
) -> list[Fold]:
    """One division of all rows: real ones in the protocol's order, padding among them, then the synthetic ones.

    Padding takes part in the division and is then dropped. Training parts keep the order of the division.
    """
    rows = _pool(dataset, protocol, train_only, synthetic)
    labels = np.array([row.label for row in rows], dtype=object)
    if len(set(labels)) < 2:
        raise UserError("fewer than two classes are left to evaluate; leave fewer to --train-only.")
    units = _together(dataset) if protocol.keep_together else np.arange(len(dataset.table))
    others = iter(range(len(units), len(units) + len(rows)))  # every other row is a unit of its own
    together = np.array([next(others) if row.real is None else units[row.real] for row in rows], dtype=np.int64)
    _refuse_rare(labels, together, folds, dataset)
    part = _parts(labels, together, folds, seed)
    left = dataset.table["label"].isin(list(train_only)).to_numpy()
    result = []
    for i in range(folds):
        names = np.full(len(rows), "train", dtype=object)
        names[part == (i + folds - 1) % folds] = "test"
        names[part == (i + folds - 2) % folds] = "val"
        real: dict[str, list[int]] = {"train": list(np.flatnonzero(left)), "val": [], "test": []}
        made: dict[str, dict[str, list[int]]] = {"train": {}, "val": {}, "test": {}}
        for row, name in zip(rows, names, strict=True):
            if row.real is not None:
                real[name].append(row.real)
            elif row.index is not None:
                made[name].setdefault(row.label, []).append(row.index)
        if synthetic:
            made["train"] |= {label: list(range(synthetic)) for label in dataset.labels if label in train_only}
        parts = {name: {label: np.array(found) for label, found in made[name].items()} for name in made}
        train, val, test = (np.array(real[name], dtype=np.int64) for name in ("train", "val", "test"))
        result.append(Fold(i, train, val, test, parts))
    return result


@dataclass(frozen=True)
class _Row:
    """A row of a pooled division: a real image (``real``, its row), a synthetic one (``index``), or padding."""

    label: str
    real: int | None = None
    index: int | None = None


def _pool(dataset: Dataset, protocol: Protocol, train_only: Collection[str], synthetic: int) -> list[_Row]:
    def name(label: str) -> str:
        return CLASS_NAMES.get(label, label) if protocol.order == "class_name" else label

    files = zip(dataset.table["label"], dataset.table["path"], range(len(dataset.table)), strict=True)
    found = [(name(label), path, _Row(label, real=row)) for label, path, row in files]
    found += [(name(label), path, _Row(label)) for label, path in dataset.padding]
    found.sort(key=lambda entry: entry[:2])
    labels = sorted(dataset.labels, key=name)
    rows = [row for _, _, row in found] + [_Row(label, index=i) for label in labels for i in range(synthetic)]
    return [row for row in rows if row.label not in train_only]


def draw_shots(
    dataset: Dataset, protocol: Protocol, fold: Fold | None, label: str, shots: int, seed: int
) -> NDArray[np.int64]:
    """Row numbers of up to ``shots`` different images of a class, drawn at random.

    From the fold's training part, or from the whole data set (``fold`` None, or the protocol says so). A larger number
    of shots contains the smaller one. Copies of an image (equal pixels) count once, where the protocol keeps them
    together. A class with fewer images gives what it has.
    """
    everywhere = fold is None or protocol.shots_from == "all"
    pool = np.arange(len(dataset.table)) if everywhere or fold is None else fold.train
    table = dataset.table.iloc[pool]
    table = table[table["label"] == label].drop_duplicates("digest" if protocol.keep_together else "path")
    rng = np.random.default_rng(derive_seed(seed, "shots", -1 if everywhere or fold is None else fold.number, label))
    order = rng.permutation(len(table))[:shots]
    positions = dataset.table.index.get_indexer(table.index[order])
    return np.asarray(positions, dtype=np.int64)


def find_protocol(name: str) -> Protocol:
    """The protocol of this name. Raises UserError with the nearest one and the known ones."""
    if name not in PROTOCOLS:
        near = get_close_matches(name, PROTOCOLS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UserError(f"--protocol {name}: no such protocol.{hint} Known: {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]


def split_table(
    dataset: Dataset,
    protocol: Protocol,
    folds: int,
    seed: int,
    train_only: Collection[str] = (),
    shots: int | None = None,
    synthetic: int = 0,
) -> pd.DataFrame:
    """``path, label``, then with ``shots`` the columns ``shot0...`` (0 or 1), then ``fold0...`` (train, val, test).

    Synthetic images follow the real ones as ``synthetic/LABEL/i.png``. An image that a fold leaves out is empty there.
    """
    import pandas as pd

    divided = split(dataset, protocol, folds, seed, train_only, synthetic)
    order = _pool(dataset, protocol, (), synthetic)
    real = [row.real for row in order if row.real is not None]
    made = [(row.label, row.index) for row in order if row.index is not None]
    table = pd.DataFrame(
        {
            "path": [*dataset.table["path"].iloc[real], *(synthetic_path(label, index) for label, index in made)],
            "label": [*dataset.table["label"].iloc[real], *(label for label, _ in made)],
        }
    )
    if shots is not None:
        for fold in divided:
            chosen = [draw_shots(dataset, protocol, fold, label, shots, seed) for label in dataset.labels]
            table[f"shot{fold.number}"] = [*np.isin(real, np.concatenate(chosen)).astype(int), *([0] * len(made))]
    for fold in divided:
        parts = np.full(len(dataset.table), "", dtype=object)
        of_made: dict[tuple[str, int], str] = {}
        for name, rows in (("train", fold.train), ("val", fold.val), ("test", fold.test)):
            parts[rows] = name
            for label, found in fold.synthetic.get(name, {}).items():
                of_made |= {(label, int(index)): name for index in found}
        table[f"fold{fold.number}"] = [*parts[real], *(of_made[one] for one in made)]
    return table


def synthetic_path(label: str, index: int) -> str:
    """How tables name a synthetic image."""
    return f"synthetic/{label}/{index}.png"


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
    grouped = dataset.table["group"].notna().any()
    counted: Literal["groups", "different images"] = "groups" if grouped else "different images"
    units = {label: len(set(together[labels == label])) for label in sorted(set(labels))}
    rare = [RareClass(label, number, counted) for label, number in units.items() if number < folds]
    if rare:
        raise TooRare(rare, folds)


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
