"""How real and synthetic images are divided over folds. Only this module knows how folds are made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cytobench._keys import derive_seed
from cytobench.data.class_names import CLASS_NAMES
from cytobench.errors import UserError, option
from cytobench.protocols.protocol import Order, Protocol

if TYPE_CHECKING:
    from cytobench.data.dataset import Dataset


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
        fewer = f"{option('folds', units)}, or " if units >= 3 else ""
        super().__init__(
            f"class {label} has {units} {classes[0].counted}, too few for {folds} folds. Ways out: {fewer}"
            f"{option('train_only', label)} (it then helps to train and is left out of the scores), or "
            f"{option('merge', f'{label},OTHER=NAME')}."
        )
        self.classes = tuple(classes)


SyntheticParts = Mapping[str, Mapping[str, "NDArray[np.int64]"]]
"""By part (``train``, ``val``, ``test``) and label: which synthetic images are in it, by index."""

_NONE: NDArray[np.int64] = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Fold:
    """One fold: row numbers of the data set's table, int64, and the synthetic images of each part."""

    number: int
    train: NDArray[np.int64]
    """The real images that train."""
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    synthetic: SyntheticParts = field(default_factory=dict)
    left_out: NDArray[np.int64] = field(default_factory=_NONE.copy)
    """Real images of the training part that the protocol keeps from training; they may be shots."""

    @cached_property
    def training_part(self) -> NDArray[np.int64]:
        """The real images of the training part, whether they train or not, sorted."""
        return np.sort(np.concatenate([self.train, self.left_out]))

    def counts(self) -> dict[str, int]:
        """How many synthetic images of each class the fold takes: the first so many of its set. Absent for none."""
        used: dict[str, int] = {}
        for part in self.synthetic.values():
            for label, indices in part.items():
                if len(indices):
                    used[label] = max(used.get(label, 0), int(indices.max()) + 1)
        return used


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
    every training part and nowhere else.

    Where the protocol balances, ``synthetic`` above 0 is the number that each class has in training, or in all where it
    pools as well: a random choice of its real images, or all of them and as many synthetic ones as are missing. Where
    only synthetic images train, the real ones are divided without them. Raises TooRare for classes that are too rare.
    """
    refuse_few_folds(folds)
    unknown = sorted(set(train_only) - set(dataset.labels))
    if unknown:
        raise UserError(f"{option('train_only', unknown[0])}: no such class. Classes: {', '.join(dataset.labels)}.")
    if protocol.synthetic_only:
        return _split_synthetic_only(dataset, protocol, folds, seed, train_only, synthetic, seen)
    if protocol.pooled:
        return _split_pooled(dataset, protocol, folds, seed, train_only, synthetic)
    return _split_apart(dataset, protocol, folds, seed, train_only, synthetic, seen)


def _split_apart(
    dataset: Dataset,
    protocol: Protocol,
    folds: int,
    seed: int,
    train_only: Collection[str],
    synthetic: int,
    seen: Collection[int],
) -> list[Fold]:
    """Real images are divided; synthetic ones are in training alone."""
    together, apart, elsewhere = protocol.keep_together, frozenset(train_only), frozenset(seen)
    result = []
    for i, real in enumerate(_real_parts(dataset, protocol.order, together, folds, seed, apart, elsewhere)):
        balanced = protocol.balanced and synthetic
        train = _at_most(dataset, real.train, synthetic, seed, i) if balanced else real.train
        missing = _missing(dataset, protocol, train, synthetic)
        parts = {"train": {label: np.arange(n) for label, n in missing.items() if n > 0}}
        result.append(Fold(i, train, real.val, real.test, parts, np.setdiff1d(real.train, train)))
    return result


class _RealParts(NamedTuple):
    """Rows of real images, sorted."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]


@lru_cache(maxsize=8)
def _real_parts(
    dataset: Dataset,
    order: Order,
    keep_together: bool,
    folds: int,
    seed: int,
    train_only: frozenset[str],
    seen: frozenset[int],
) -> tuple[_RealParts, ...]:
    """The real images of the parts of each fold.

    They are remembered: the same for every number of synthetic images, they take seconds where copies stay together.
    """
    table = dataset.table
    units = _units(dataset) if keep_together else np.arange(len(table))
    apart = table["label"].isin(train_only).to_numpy() | np.isin(units, units[list(seen)])
    ordered = np.array(ordered_rows(dataset, order), dtype=np.int64)
    rows = ordered[~apart[ordered]]
    labels = table["label"].to_numpy()[rows]
    if len(set(labels)) < 2:
        raise UserError(f"fewer than two classes are left to evaluate; leave fewer to {option('train_only')}.")
    _refuse_rare(labels, units[rows], folds, dataset)
    part = _parts(labels, units[rows], folds, seed)
    result = []
    for i in range(folds):
        names = _part_names(part, i, folds)
        train, val, test = (rows[names == name] for name in ("train", "val", "test"))
        added = np.flatnonzero(apart & ~np.isin(units, units[np.concatenate([val, test])]))
        result.append(_RealParts(np.sort(np.concatenate([train, added])), np.sort(val), np.sort(test)))
    return tuple(result)


def _missing(dataset: Dataset, protocol: Protocol, rows: NDArray[np.int64], synthetic: int) -> dict[str, int]:
    """How many synthetic images of each class stand beside these real ones."""
    if not protocol.balanced:
        return dict.fromkeys(dataset.labels, synthetic)
    counts = dataset.table["label"].iloc[rows].value_counts()
    return {label: max(synthetic - int(counts.get(label, 0)), 0) for label in dataset.labels}


def _at_most(dataset: Dataset, rows: NDArray[np.int64], n: int, seed: int, fold: int | None) -> NDArray[np.int64]:
    """At most ``n`` of these rows a class, drawn at random, in the order given."""
    labels = dataset.table["label"].to_numpy()[rows]
    chosen = np.ones(len(rows), dtype=bool)
    for label in dataset.labels:
        rng = np.random.default_rng(derive_seed(seed, "balance", -1 if fold is None else fold, label))
        chosen[rng.permutation(np.flatnonzero(labels == label))[n:]] = False
    return rows[chosen]


def _split_synthetic_only(
    dataset: Dataset,
    protocol: Protocol,
    folds: int,
    seed: int,
    train_only: Collection[str],
    synthetic: int,
    seen: Collection[int],
) -> list[Fold]:
    """The real images as without synthetic ones, none of them in training; where the protocol pools, synthetic images
    are divided by themselves.
    """
    divided = split(dataset, replace(protocol, synthetic_only=False), folds, seed, train_only, 0, seen)
    evaluated = [label for label in dataset.labels if label not in train_only]
    synthetic_parts = [_synthetic_parts([], (), dict.fromkeys(dataset.labels, synthetic))] * folds
    if protocol.pooled and synthetic:
        rows = _synthetic_rows(evaluated, protocol, dict.fromkeys(evaluated, synthetic))
        labels = np.array([row.label for row in rows], dtype=object)
        _refuse_rare(labels, np.arange(len(rows)), folds, dataset)
        part = _parts(labels, np.arange(len(rows)), folds, seed)
        alone = dict.fromkeys(train_only, synthetic)
        synthetic_parts = [_synthetic_parts(rows, _part_names(part, i, folds), alone) for i in range(folds)]
    return [
        replace(fold, train=_NONE.copy(), left_out=fold.train, synthetic=parts)
        for fold, parts in zip(divided, synthetic_parts, strict=True)
    ]


def refuse_few_folds(folds: int) -> None:
    """Raise UserError where a division has too few parts to train, validate and test on different ones."""
    if folds < 3:
        raise UserError(
            f"{option('folds', folds)}: at least 3 are needed (one to test, one to validate, the rest to train)."
        )


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
    every = np.arange(len(dataset.table))
    chosen = _at_most(dataset, every, synthetic, seed, None) if protocol.balanced and synthetic else every
    missing = _missing(dataset, protocol, chosen, synthetic)
    taken = {None, *chosen.tolist()}  # padding always
    pool = [row for row in _pool(dataset, protocol.order) if row.real in taken and row.label not in train_only]
    rows = pool + _synthetic_rows([label for label in dataset.labels if label not in train_only], protocol, missing)
    labels = np.array([row.label for row in rows], dtype=object)
    if len(set(labels)) < 2:
        raise UserError(f"fewer than two classes are left to evaluate; leave fewer to {option('train_only')}.")
    of_images = _units(dataset) if protocol.keep_together else np.arange(len(dataset.table))
    others = iter(range(len(of_images), len(of_images) + len(rows)))  # every other row is a unit of its own
    units = np.array([next(others) if row.real is None else of_images[row.real] for row in rows], dtype=np.int64)
    _refuse_rare(labels, units, folds, dataset)
    part = _parts(labels, units, folds, seed)
    left = chosen[dataset.table["label"].iloc[chosen].isin(list(train_only)).to_numpy()]
    result = []
    for i in range(folds):
        names = _part_names(part, i, folds)
        real: dict[str, list[int]] = {"train": list(left), "val": [], "test": []}
        for row, name in zip(rows, names, strict=True):
            if row.real is not None:
                real[name].append(row.real)
        parts = _synthetic_parts(rows, names, {label: missing[label] for label in train_only})
        train, val, test = (np.array(real[name], dtype=np.int64) for name in ("train", "val", "test"))
        result.append(Fold(i, train, val, test, parts, np.setdiff1d(every, chosen)))
    return result


@dataclass(frozen=True)
class _Row:
    """A row of a pooled division: a real image (``real``, its row), a synthetic one (``index``), or padding."""

    label: str
    real: int | None = None
    index: int | None = None


@lru_cache(maxsize=8)
def _pool(dataset: Dataset, order: Order) -> tuple[_Row, ...]:
    """The real images and the padding, in a protocol's order; remembered, as the same for all synthetic images."""
    files = zip(dataset.table["label"], dataset.table["path"], range(len(dataset.table)), strict=True)
    entries = [(_place(label, order), path, _Row(label, real=row)) for label, path, row in files]
    entries += [(_place(label, order), path, _Row(label)) for label, path in dataset.padding]
    entries.sort(key=lambda entry: entry[:2])
    return tuple(row for _, _, row in entries)


def _synthetic_rows(labels: Collection[str], protocol: Protocol, counts: Mapping[str, int]) -> list[_Row]:
    """So many synthetic images of each class, the classes in the protocol's order."""
    return [_Row(label, index=i) for label in ordered_labels(labels, protocol.order) for i in range(counts[label])]


def _place(label: str, order: Order) -> str:
    return CLASS_NAMES.get(label, label) if order == "class_name" else label


def _part_names(part: NDArray[np.int64], fold: int, folds: int) -> NDArray[Any]:
    names = np.full(len(part), "train", dtype=object)
    names[part == (fold + folds - 1) % folds] = "test"
    names[part == (fold + folds - 2) % folds] = "val"
    return names


def _synthetic_parts(rows: Sequence[_Row], names: Iterable[str], alone: Mapping[str, int]) -> SyntheticParts:
    """The synthetic images among rows by part and label, and so many of each class that is in training alone."""
    parts: dict[str, dict[str, list[int]]] = {"train": {}, "val": {}, "test": {}}
    for row, name in zip(rows, names, strict=True):
        if row.index is not None:
            parts[name].setdefault(row.label, []).append(row.index)
    parts["train"] |= {label: list(range(n)) for label, n in alone.items() if n}
    return {name: {label: np.array(indices) for label, indices in part.items()} for name, part in parts.items()}


def ordered_labels(labels: Collection[str], order: Order) -> list[str]:
    """The classes in the order in which a protocol divides them."""
    return sorted(labels, key=lambda label: _place(label, order))


def ordered_rows(dataset: Dataset, order: Order) -> list[int]:
    """Row numbers of the real images, in the order in which a protocol divides them."""
    places = [_place(label, order) for label in dataset.table["label"]]
    paths = list(dataset.table["path"])
    return sorted(range(len(paths)), key=lambda row: (places[row], paths[row]))


def _units(dataset: Dataset) -> NDArray[np.int64]:
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


def _refuse_rare(labels: NDArray[Any], units: NDArray[np.int64], folds: int, dataset: Dataset) -> None:
    grouped = dataset.table["group"].notna().any()
    counted: Literal["groups", "different images"] = "groups" if grouped else "different images"
    numbers = {label: len(set(units[labels == label])) for label in sorted(set(labels))}
    rare = [RareClass(label, number, counted) for label, number in numbers.items() if number < folds]
    if rare:
        raise TooRare(rare, folds)


def _parts(labels: NDArray[Any], units: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """The part (0 .. folds - 1) each image falls into, by scikit-learn's stratified splitters."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    part = np.empty(len(labels), dtype=np.int64)
    if len(set(units)) == len(units):
        splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    else:
        splits = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(labels, labels, units)
    for i, (_, chosen) in enumerate(splits):
        part[chosen] = i
    for label in sorted(set(labels)):
        absent = sorted(set(range(folds)) - set(part[labels == label]))
        if absent:
            raise UserError(
                f"class {label} cannot be divided over {folds} folds without tearing groups or copies apart. Ways "
                f"out: fewer {option('folds')}, or {option('train_only', label)}."
            )
    return part
