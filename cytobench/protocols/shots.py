"""Which real images of a class a generator is tuned on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cytobench.keys import derive_seed
from cytobench.protocols.division import Fold
from cytobench.protocols.protocol import Protocol

if TYPE_CHECKING:
    from cytobench.data.dataset import Dataset


def draw_shots(
    dataset: Dataset, protocol: Protocol, fold: Fold | None, label: str, shots: int, seed: int
) -> NDArray[np.int64]:
    """Row numbers of up to ``shots`` different images of a class, drawn at random.

    From the fold's training part, or from the whole data set (``fold`` None, or the protocol says so). A larger number
    of shots contains the smaller one. Copies of an image (equal pixels) count once, where the protocol keeps them
    together. A class with fewer images gives what it has.
    """
    everywhere = fold is None or protocol.shots_from == "all"
    pool = np.arange(len(dataset.table)) if everywhere or fold is None else fold.training_part
    table = dataset.table.iloc[pool]
    table = table[table["label"] == label].drop_duplicates("digest" if protocol.keep_together else "path")
    rng = np.random.default_rng(derive_seed(seed, "shots", -1 if everywhere or fold is None else fold.number, label))
    order = rng.permutation(len(table))[:shots]
    positions = dataset.table.index.get_indexer(table.index[order])
    return np.asarray(positions, dtype=np.int64)
