"""Classes that do not last for the folds or the shots: what a run says of the same data."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cytobench.data.dataset import Dataset
from cytobench.errors import UserError, on_the_command_line
from cytobench.protocols import draw_shots, find_protocol, split
from cytobench.protocols.rarity import find_rare, refuse_counts

STRICT = find_protocol("strict")


def dataset(copies: int = 0, groups: dict[str, int] | None = None, **counts: int) -> Dataset:
    """Classes of so many different images; the first ``copies`` images of each are the same one, and the images of a
    class of ``groups`` are of so many groups, in turn."""
    rows = []
    for label in sorted(counts):
        for i in range(counts[label]):
            group = None if groups is None else f"{label}{i % groups[label]}"
            rows.append((f"{label}/{i:03}.png", label, group, f"{label}{0 if i < copies else i}"))
    table = pd.DataFrame(rows, columns=["path", "label", "group", "digest"]).assign(quality=float("nan"))
    return Dataset("cells", Path("cells"), table.astype({"group": "string"}), tuple(sorted(counts)))


def test_every_class_lasts_where_there_are_enough() -> None:
    found = find_rare(dataset(A=40, B=40), STRICT, 5, 16, 42)
    assert (found.too_rare, found.fewer_shots, found.problem, found.ways_out) == ((), {}, None, ())


@pytest.mark.parametrize("data", [dataset(A=40, B=3, C=4), dataset(copies=3, A=40, B=5, C=6)])
def test_the_classes_are_those_that_a_run_refuses_one_by_one(data: Dataset) -> None:
    found = find_rare(data, STRICT, 5, 2, 42)
    assert [(one.label, one.units, one.counted) for one in found.too_rare] == [
        ("B", 3, "different images"),
        ("C", 4, "different images"),
    ]
    with pytest.raises(UserError, match="class B has 3 different images"):
        split(data, STRICT, 5, 42)
    with pytest.raises(UserError, match="class C has 4 different images"):
        split(data, STRICT, 5, 42, train_only=["B"])


def test_groups_are_counted_where_they_are_named() -> None:
    (only,) = find_rare(dataset(groups={"A": 20, "B": 4, "C": 20}, A=40, B=30, C=40), STRICT, 5, 2, 42).too_rare
    assert (only.label, only.units, only.counted) == ("B", 4, "groups")


def test_every_way_out_leads_out(command_line: None) -> None:
    data = dataset(A=40, B=3, C=40)
    found = find_rare(data, STRICT, 5, 2, 42)
    assert found.ways_out == ("--folds 3", "--train-only B", "--merge B,OTHER=NAME")
    assert find_rare(data, STRICT, 3, 2, 42).too_rare == ()
    assert find_rare(data.merge("B,C=D"), STRICT, 5, 2, 42).too_rare == ()
    split(data, STRICT, 5, 42, train_only=["B"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 6)), min_size=8, max_size=30), st.integers(3, 5))
def test_ways_out_hold_for_any_grouping(images: list[tuple[str, int]], folds: int) -> None:
    rows = [(f"{i:03}.png", label, f"patient {group}", f"{i}") for i, (label, group) in enumerate(sorted(images))]
    table = pd.DataFrame(rows, columns=["path", "label", "group", "digest"]).assign(quality=float("nan"))
    data = Dataset("cells", Path("cells"), table, tuple(sorted(set(table["label"]))))
    found = find_rare(data, STRICT, folds, 2, 42)
    for way in found.ways_out:
        if way.startswith("folds="):
            split(data, STRICT, int(way.removeprefix("folds=")), 42)
        elif way.startswith("train_only="):
            split(data, STRICT, folds, 42, train_only=[one.label for one in found.too_rare])


def test_no_way_out_is_offered_that_leads_nowhere(command_line: None) -> None:
    found = find_rare(dataset(A=40, B=2), STRICT, 5, 2, 42)
    assert found.ways_out == ("--merge B,OTHER=NAME",)
    assert "fewer than two classes" in (found.problem or "") and found.fewer_shots == {}
    spaced = find_rare(dataset(**{"A": 40, "Big cell": 4, "C": 40}), STRICT, 5, 2, 42)
    assert spaced.ways_out == ("--folds 4", "--train-only 'Big cell'", "--merge 'Big cell',OTHER=NAME")
    with on_the_command_line(False):
        spaced = find_rare(dataset(**{"A": 40, "Big cell": 4, "C": 40}), STRICT, 5, 2, 42)
    assert spaced.ways_out == ("folds=4", "train_only='Big cell'", "merge='Big cell,OTHER=NAME'")
    several = find_rare(dataset(A=40, B=3, C=4, D=40), STRICT, 5, 2, 42)
    assert several.ways_out[1:] == ("--train-only LABEL for each of them", "--merge LABEL,OTHER=NAME for each of them")


def test_shots_are_counted_in_the_training_parts_of_the_very_folds() -> None:
    data = dataset(A=60, B=23)
    found = find_rare(data, STRICT, 5, 16, 42)
    assert set(found.fewer_shots) == {"B"}
    folds = split(data, STRICT, 5, 42)
    assert found.fewer_shots["B"] == tuple(len(draw_shots(data, STRICT, fold, "B", 16, 42)) for fold in folds)
    assert find_rare(data, STRICT, 5, 13, 42).fewer_shots == {}


def test_copies_give_one_shot() -> None:
    assert find_rare(dataset(copies=40, A=60, B=60), STRICT, 5, 16, 42).fewer_shots.keys() == {"A", "B"}


def test_what_cannot_be_divided_is_told_and_not_raised() -> None:
    assert "fewer than two classes" in (find_rare(dataset(A=9), STRICT, 5, 2, 42).problem or "")
    assert find_rare(dataset(A=0, B=0), STRICT, 5, 2, 42).problem


@pytest.mark.parametrize(
    ("folds", "shots", "message"), [(2, 16, "folds=2"), (5, 0, "shots=0"), (-1, 1, "folds=-1")]
)
def test_numbers_that_no_run_takes_are_refused(folds: int, shots: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        refuse_counts(folds, shots)
