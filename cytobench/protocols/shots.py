"""Which real images of a class a generator is tuned on."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cytobench._keys import derive_seed
from cytobench.data.choice import RANDOM, Choice
from cytobench.errors import UserError, option
from cytobench.protocols.division import Fold
from cytobench.protocols.protocol import Protocol

if TYPE_CHECKING:
    from cytobench.data.dataset import Dataset

_NO_ROWS: NDArray[np.int64] = np.empty(0, dtype=np.int64)


def draw_shots(
    dataset: Dataset,
    protocol: Protocol,
    fold: Fold | None,
    label: str,
    shots: int,
    seed: int,
    choice: Choice = RANDOM,
) -> NDArray[np.int64]:
    """Row numbers of up to ``shots`` different images of a class, drawn at random or taken as ``choice`` says.

    From the fold's training part, or from the whole data set (``fold`` None, or the protocol says so). A larger number
    of shots contains the smaller one, which stands first. Copies of an image (equal pixels) count once, where the
    protocol keeps them together. A class with fewer images gives what it has.
    """
    source = _source(protocol, fold)
    rows = dataset.rows_by_label.get(label, _NO_ROWS)
    if source is not None:
        rows = np.intersect1d(rows, source.training_part, assume_unique=True)
    table = dataset.table.iloc[rows]
    copies = "digest" if protocol.keep_together else "path"
    if choice.ranking is not None:
        chosen = choice.ranking(table).drop_duplicates(copies).index[:shots]
    else:
        table = table.drop_duplicates(copies)
        rng = np.random.default_rng(derive_seed(seed, "shots", -1 if source is None else source.number, label))
        chosen = table.index[rng.permutation(len(table))[:shots]]
    return np.asarray(dataset.table.index.get_indexer(chosen), dtype=np.int64)


def refuse_unlisted(
    dataset: Dataset, protocol: Protocol, choice: Choice, fold: Fold | None, labels: Collection[str]
) -> None:
    """Raise UserError where a file lists the shots, and none of one of these classes may be a shot in this fold."""
    if choice.listed is None:
        return
    source = _source(protocol, fold)
    listed = set(dataset.table["label"].iloc[np.intersect1d(choice.listed, _pool(dataset, source))])
    where = "" if source is None else f" in the training part of fold {source.number}"
    for label in labels:
        if label not in listed:
            raise UserError(
                f"{option('select', choice.name)}: it lists no image of class {label}{where}. List some that are there "
                f"(cytobench data split shows the parts), or write {option('select', 'sharpest')}."
            )


def listed_elsewhere(dataset: Dataset, protocol: Protocol, choice: Choice, folds: Collection[Fold]) -> str:
    """How many of the images that a file lists cannot be shots in each fold, in words; empty if all can."""
    listed = choice.listed or ()
    pools = {fold.number: _pool(dataset, _source(protocol, fold)) for fold in folds}
    outside = {number: len(np.setdiff1d(listed, pool)) for number, pool in pools.items()}
    counts = ", ".join(f"{images} in fold {number}" for number, images in outside.items() if images)
    if not counts:
        return ""
    return f"shots: {choice.name} lists {len(listed)} images; outside the training part, so not used there: {counts}"


def _source(protocol: Protocol, fold: Fold | None) -> Fold | None:
    """The fold whose training part gives the shots; None where the whole data set does."""
    return None if protocol.shots_from == "all" else fold


def _pool(dataset: Dataset, source: Fold | None) -> NDArray[np.int64]:
    """Row numbers of the images, of all classes, that can be shots."""
    return np.arange(len(dataset.table)) if source is None else source.training_part
