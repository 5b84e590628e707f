"""Folds of which a mean says little: one patient with most images, of all or of a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cytobench._dataset import Dataset
from cytobench.protocols import find_protocol, split
from cytobench.protocols.evenness import uneven, uneven_folds


def data(rows: list[tuple[str, str | None]]) -> Dataset:
    """Images with their labels and patients."""
    labels, groups = zip(*sorted(rows, key=lambda row: row[0]), strict=True)
    table = pd.DataFrame({"path": [f"{i:03}.png" for i in range(len(rows))], "label": labels, "quality": np.nan})
    table["group"] = pd.Series(groups, dtype="string")
    return Dataset("cells", Path("cells"), table.assign(digest=table["path"]), tuple(sorted(set(labels))))


def told(rows: list[tuple[str, str | None]], folds: int, train_only: tuple[str, ...] = ()) -> str:
    dataset = data(rows)
    divided = split(dataset, find_protocol("strict"), folds, 42, train_only)
    return " ".join(finding.text for finding in uneven_folds(dataset, divided, train_only))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((4, 34, 4), True),
        ((14, 14, 14), False),
        ((7, 14, 21), False),  # exactly half of 14
        ((6, 14, 22), True),
        ((10, 10, 10, 10, 25), False),  # 25 of 13: under twice
        ((10, 10, 10, 10, 31), True),  # 31 of 14.2: over twice
        ((1, 1, 1, 2, 2), False),
        ((1, 1, 1, 1, 3), False),  # few images: off by two at most
        ((0, 3, 3), False),
        ((0, 0, 0), False),
    ],
)
def test_the_rule_by_hand(counts: tuple[int, ...], expected: bool) -> None:
    assert uneven(counts) == expected


def test_one_patient_with_most_images() -> None:
    rows = [(label, "big") for label in "AB" for _ in range(17)]
    rows += [(label, f"{label}{i}") for label in "AB" for i in range(4)]
    a, b, c = (len(fold.test) for fold in split(data(rows), find_protocol("strict"), 3, 42))
    assert max(a, b, c) >= 34
    said = f"Uneven folds, for patients and copies stay whole: they test {a}, {b} and {c} images."
    assert told(rows, 3).startswith(said)


def test_a_patient_with_most_images_of_one_class_alone() -> None:
    """The folds are of equal size, and the tests of the classes are not."""
    rows = [(label, f"big{label}") for label in "ABC" for _ in range(12)]
    rows += [(label, f"{label}{i}") for label in "ABC" for i in range(2)]
    dataset = data(rows)
    tests = [len(fold.test) for fold in split(dataset, find_protocol("strict"), 3, 42)]
    assert not uneven(tests)
    assert "by class they test A" in told(rows, 3) and "; B " in told(rows, 3)


@pytest.mark.parametrize("folds", [3, 5])
def test_even_folds_are_not_told(folds: int) -> None:
    assert told([(label, None) for label in "ABC" for _ in range(folds + 4)], folds) == ""
    assert told([(label, f"p{i // 2}") for label in "ABC" for i in range(40)], folds) == ""


def test_a_class_left_to_training_does_not_count() -> None:
    rows = [(label, None) for label in "AB" for _ in range(9)] + [("C", "one") for _ in range(20)]
    assert told(rows, 3, ("C",)) == ""
