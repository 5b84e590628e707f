"""Folds that are so uneven that a mean over them says little: a patient with most images of all, or of a class."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cytobench._dataset import Finding
from cytobench.data.dataset import Dataset
from cytobench.protocols.division import Fold

LEAST_SHARE, LARGEST_SHARE, SPARED = 0.5, 2.0, 2
"""A fold's tests are uneven if fewer than half an equal share, or more than twice it, and off by more than two."""

SHOWN = 3
"""Classes that one sentence names."""


def uneven(counts: Sequence[int]) -> bool:
    """Whether test images are so unevenly spread over folds, by the rule above (docs/protocols.md says why)."""
    share = sum(counts) / len(counts)
    return any(
        (count < LEAST_SHARE * share or count > LARGEST_SHARE * share) and abs(count - share) > SPARED
        for count in counts
    )


def uneven_folds(
    dataset: Dataset, folds: Sequence[Fold], train_only: Collection[str] = (), seed: int | None = None
) -> list[Finding]:
    """A finding where the test images of a division are uneven; ``seed`` is that of one division among several.

    ``folds`` are all that the protocol makes; their validation parts are the test parts of other folds. Only real
    images count, of all classes together and of each, and a class that a fold does not test is always told.
    """
    labels = dataset.table["label"].to_numpy()
    tests = [labels[fold.test] for fold in folds]
    by_class = {
        label: [int((test == label).sum()) for test in tests] for label in dataset.labels if label not in train_only
    }
    whole = [len(test) for test in tests]
    classes = [
        f"{label} {_listed(counts)}"
        for label, counts in by_class.items()
        if any(counts) and (uneven(counts) or 0 in counts)
    ]
    if not uneven(whole) and not classes:
        return []
    if uneven(whole):
        tests_text = f"they test {_listed(whole)} images"
    else:
        more = f"; and {len(classes) - SHOWN} more classes" if len(classes) > SHOWN else ""
        tests_text = f"by class they test {'; '.join(classes[:SHOWN])}{more}"
    text = (
        f"Uneven folds{'' if seed is None else f' of seed {seed}'}, for patients and copies stay whole: {tests_text}. "
        "A mean over them hangs on few images; take more patients, or fewer images of the largest."
    )
    return [Finding("uneven_folds", text)]


def _listed(counts: Sequence[int]) -> str:
    return f"{', '.join(map(str, counts[:-1]))} and {counts[-1]}"
