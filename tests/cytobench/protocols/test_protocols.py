"""The promises of the strict protocol, on any data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cytobench.data.dataset import Dataset
from cytobench.errors import UserError
from cytobench.protocols import PROTOCOLS, draw_shots, split

STRICT = PROTOCOLS["strict"]


def dataset(rows: list[tuple[str, str, str | None]]) -> Dataset:
    """A data set of (label, digest, group), as if its files had been read."""
    table = pd.DataFrame(sorted(rows, key=lambda row: row[0]), columns=["label", "digest", "group"])
    table["path"] = [f"{label}/{i:04d}.png" for i, label in enumerate(table["label"])]
    table["group"] = table["group"].astype("string")
    table["quality"] = np.nan
    return Dataset("drawn", Path("nowhere"), table, tuple(sorted(set(table["label"]))))


def different(**counts: int) -> Dataset:
    """A data set of so many different images of each class."""
    return dataset([(label, f"{label}{i}", None) for label, n in counts.items() for i in range(n)])


@st.composite
def messy(draw: st.DrawFn) -> Dataset:
    """Two to four classes with copies within and across classes, and groups."""
    rows: list[tuple[str, str, str | None]] = []
    grouped = draw(st.booleans())
    for label in "ABCD"[: draw(st.integers(2, 4))]:
        for i in range(draw(st.integers(3, 25))):
            copy = draw(st.integers(0, 9)) == 0
            digest = f"copy{draw(st.integers(0, 2))}" if copy else f"{label}{i}"
            group = draw(st.sampled_from([None, *(f"p{j}" for j in range(12))])) if grouped else None
            rows.append((label, digest, group))
    return dataset(rows)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=messy(), folds=st.integers(3, 5), seed=st.integers(0, 3), alone=st.booleans())
def test_every_image_is_tested_and_validated_once_and_nothing_leaks(
    data: Dataset, folds: int, seed: int, alone: bool
) -> None:
    train_only = ("A",) if alone else ()
    try:
        found = split(data, STRICT, folds, seed, train_only)
    except UserError:
        assume(False)
    table = data.table
    evaluated = np.flatnonzero(~table["label"].isin(train_only))
    assert [fold.number for fold in found] == list(range(folds))
    assert sorted(np.concatenate([fold.test for fold in found])) == list(evaluated)
    assert sorted(np.concatenate([fold.val for fold in found])) == list(evaluated)
    for fold in found:
        parts = [set(fold.train), set(fold.val), set(fold.test)]
        assert set.union(*parts) >= set(evaluated)
        assert len(set.union(*parts)) == sum(map(len, parts))
        if not alone:
            assert sum(map(len, parts)) == len(table)
        for part in (fold.train, fold.val, fold.test):
            assert list(part) == sorted(part)
            assert set(table["label"].iloc[part]) >= {*data.labels} - {*train_only}
        for column in ("digest", "group"):
            sides = [set(table[column].iloc[list(part)].dropna()) for part in parts]
            assert not (sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=messy(), seed=st.integers(0, 3), few=st.integers(1, 6), more=st.integers(0, 6))
def test_shots_come_from_training_are_different_and_nested(
    data: Dataset, seed: int, few: int, more: int
) -> None:
    try:
        folds = split(data, STRICT, 3, seed)
    except UserError:
        assume(False)
    for fold in folds:
        for label in data.labels:
            small = draw_shots(data, STRICT, fold, label, few, seed)
            large = draw_shots(data, STRICT, fold, label, few + more, seed)
            assert set(large) <= set(fold.train)
            assert set(data.table["label"].iloc[large]) == {label}
            digests = list(data.table["digest"].iloc[large])
            assert len(digests) == len(set(digests))
            there = data.table.iloc[fold.train].query("label == @label")["digest"].nunique()
            assert len(large) == min(few + more, there)
            assert list(large[: len(small)]) == list(small)


def test_copies_stay_on_the_side_of_a_train_only_class() -> None:
    """A copy of a test image under the label of a train-only class must not be trained on."""
    rows: list[tuple[str, str, str | None]] = [
        (label, f"{label}{i}", None) for label in "AB" for i in range(9)
    ]
    data = dataset([*rows, ("C", "A0", None), ("C", "C1", None)])
    for fold in split(data, STRICT, 3, 0, ("C",)):
        trained = set(data.table["digest"].iloc[fold.train])
        held_out = set(data.table["digest"].iloc[np.concatenate([fold.val, fold.test])])
        assert not trained & held_out
        assert "C1" in trained
        assert ("A0" in trained) == ("A0" not in held_out)


def test_shots_differ_between_folds_and_from_the_whole_data_set() -> None:
    data = different(A=60, B=60)
    folds = split(data, STRICT, 5, 42)
    drawn = [frozenset(draw_shots(data, STRICT, fold, "A", 8, 42)) for fold in [*folds, None]]
    assert len(set(drawn)) == 6
    everything = draw_shots(data, STRICT, None, "A", 1000, 42)
    assert sorted(everything) == list(np.flatnonzero(data.table["label"] == "A"))


def test_the_same_seed_gives_the_same_folds_and_another_seed_others() -> None:
    data = different(A=30, B=20)

    def tests(seed: int) -> list[list[int]]:
        return [fold.test.tolist() for fold in split(data, STRICT, 5, seed)]

    assert tests(1) == tests(1)
    assert tests(1) != tests(2)
    first = split(data, STRICT, 5, 1)[0]
    assert list(draw_shots(data, STRICT, first, "A", 5, 1)) == list(
        draw_shots(data, STRICT, first, "A", 5, 1)
    )
    assert list(draw_shots(data, STRICT, first, "A", 5, 1)) != list(
        draw_shots(data, STRICT, first, "A", 5, 2)
    )


def test_five_folds_divide_each_class_60_20_20() -> None:
    data = different(A=50, B=25)
    for fold in split(data, STRICT, 5, 42):
        for part, (a, b) in ((fold.train, (30, 15)), (fold.val, (10, 5)), (fold.test, (10, 5))):
            assert data.table["label"].iloc[part].value_counts().to_dict() == {"A": a, "B": b}


def test_train_only_classes_are_in_every_training_part_and_nowhere_else() -> None:
    data = different(A=9, B=9, C=1)
    rare = set(np.flatnonzero(data.table["label"] == "C"))
    for fold in split(data, STRICT, 3, 42, ("C",)):
        assert rare <= set(fold.train)
        assert not rare & {*fold.val, *fold.test}
        assert list(draw_shots(data, STRICT, fold, "C", 16, 42)) == sorted(rare)


@pytest.mark.parametrize(
    ("rows", "folds", "words"),
    [
        (different(A=20, B=4), 5, ["class B has 4 different images", "folds=4", "train_only='B'"]),
        (different(A=20, B=2), 3, ["class B has 2 different images", "train_only='B'"]),
        (
            dataset([("A", f"a{i}", None) for i in range(9)] + [("B", "same", None)] * 9),
            3,
            ["class B has 1 different images", "train_only='B'"],
        ),
        (
            dataset(
                [(x, f"{x}{i}", f"{x}-patient{i % (2 if x == 'B' else 5)}") for x in "AB" for i in range(20)]
            ),
            5,
            ["class B has 2 groups", "train_only='B'"],
        ),
        (different(A=5, B=5), 2, ["folds=2", "at least 3"]),
    ],
)
def test_what_cannot_be_divided_is_refused_with_the_ways_out(rows: Any, folds: int, words: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        split(rows, STRICT, folds, 42)
    message = str(refused.value)
    for word in words:
        assert word in message
    if "folds=" in message and "B has 2" in message:
        assert "folds=2" not in message, "2 folds are refused too"


def test_train_only_must_name_a_class_and_leave_two() -> None:
    with pytest.raises(UserError, match="train_only='X': no such class"):
        split(different(A=9, B=9), STRICT, 3, 42, ("X",))
    with pytest.raises(UserError, match="fewer than two classes"):
        split(different(A=9, B=9), STRICT, 3, 42, ("B",))


def test_the_switches_of_strict() -> None:
    assert STRICT.switches == {
        "shots_from": "train",
        "keep_together": True,
        "pooled": False,
        "order": "label",
        "selection": "f1_macro",
        "tested": "picked",
        "crop": 345 / 400,
        "crop_pixels": None,
        "recoloured": False,
    }
    assert STRICT.view(np.zeros((400, 400, 3), np.uint8), 0).shape == (345, 345, 3)
