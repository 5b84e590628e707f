"""The division of a data set as a table."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from cytobench.data.choice import RANDOM, Choice
from cytobench.protocols.division import ordered_labels, ordered_rows, split
from cytobench.protocols.protocol import Protocol
from cytobench.protocols.shots import draw_shots, refuse_unlisted

if TYPE_CHECKING:
    import pandas as pd

    from cytobench.data.dataset import Dataset


def split_table(
    dataset: Dataset,
    protocol: Protocol,
    folds: int,
    seed: int,
    train_only: Collection[str] = (),
    shots: int | None = None,
    synthetic: int = 0,
    choice: Choice = RANDOM,
) -> pd.DataFrame:
    """``path, label``, then with ``shots`` the columns ``shot0...`` (0 or 1), then ``fold0...`` (train, val, test).

    Synthetic images follow the real ones as ``synthetic/LABEL/i.png``. An image that a fold leaves out is empty there.
    Raises UserError as :func:`split` and :func:`refuse_unlisted` do.
    """
    import pandas as pd

    divided = split(dataset, protocol, folds, seed, train_only, synthetic)
    real = ordered_rows(dataset, protocol.order)
    used: dict[str, int] = {}
    for fold in divided:
        used |= {label: max(n, used.get(label, 0)) for label, n in fold.counts().items()}
    labels = ordered_labels(dataset.labels, protocol.order)
    images = [(label, index) for label in labels for index in range(used.get(label, 0))]
    table = pd.DataFrame(
        {
            "path": [*dataset.table["path"].iloc[real], *(synthetic_path(label, index) for label, index in images)],
            "label": [*dataset.table["label"].iloc[real], *(label for label, _ in images)],
        }
    )
    if shots is not None:
        for fold in divided:
            refuse_unlisted(dataset, protocol, choice, fold, dataset.labels)
            chosen = [draw_shots(dataset, protocol, fold, label, shots, seed, choice) for label in dataset.labels]
            table[f"shot{fold.number}"] = [*np.isin(real, np.concatenate(chosen)).astype(int), *([0] * len(images))]
    for fold in divided:
        parts = np.full(len(dataset.table), "", dtype=object)
        part_of: dict[tuple[str, int], str] = {}
        for name, rows in (("train", fold.train), ("val", fold.val), ("test", fold.test)):
            parts[rows] = name
            for label, indices in fold.synthetic.get(name, {}).items():
                part_of |= {(label, int(index)): name for index in indices}
        table[f"fold{fold.number}"] = [*parts[real], *(part_of.get(image, "") for image in images)]
    return table


def synthetic_path(label: str, index: int) -> str:
    """How tables name a synthetic image."""
    return f"synthetic/{label}/{index}.png"
