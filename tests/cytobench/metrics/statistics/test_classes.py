"""Recall and F1 of a class: intervals that hold for a handful of images."""

from __future__ import annotations

from itertools import product
from math import factorial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score, recall_score

from cytobench.metrics.statistics.classes import per_class, proportion


def table(rows, groups=None, seed: int = 42) -> pd.DataFrame:
    """Predictions of (label, predicted) pairs."""
    made = pd.DataFrame(rows, columns=["label", "predicted"])
    made = made.assign(path=[f"{i}.png" for i in range(len(made))], seed=seed)
    return made if groups is None else made.assign(group=pd.array(groups, dtype="Int64"))


@pytest.mark.parametrize(
    ("right", "low", "high"), [(0, 0.0, 1 - 0.025**0.25), (4, 0.025**0.25, 1.0), (2, 0.0676, 0.9324)]
)
def test_recall_of_four_images_has_the_interval_of_clopper_and_pearson(right: int, low: float, high: float) -> None:
    found = per_class(table([("A", "A")] * right + [("A", "B")] * (4 - right) + [("B", "B")] * 9), ["A", "B"])[0]
    assert (found.images, found.groups) == (4, None)
    assert found.recall.value == right / 4
    assert (found.recall.low, found.recall.high) == pytest.approx((low, high), abs=1e-4)


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("ABCX")), min_size=1, max_size=30))
def test_recall_and_f1_are_those_of_scikit_learn_within_their_intervals(rows: list[tuple[str, str]]) -> None:
    true, predicted = zip(*rows, strict=True)
    for label, one in zip("ABC", per_class(table(rows), list("ABC")), strict=True):
        if label in true:
            recall = recall_score(true, predicted, labels=[label], average=None, zero_division=0)[0]
            assert one.recall.value == pytest.approx(recall)
        else:
            assert (one.recall.value, one.recall.low, one.recall.high) == (None, 0.0, 1.0)
        if label in true or label in predicted:
            f1 = f1_score(true, predicted, labels=[label], average=None, zero_division=0)[0]
            assert one.f1.value == pytest.approx(f1)
            assert 0 <= one.f1.low <= one.f1.value <= one.f1.high <= 1


@pytest.mark.parametrize("chances", [(0.1, 0.1, 0.8), (0.3, 0.05, 0.65), (0.02, 0.3, 0.68), (0.5, 0.5, 0.0)])
@pytest.mark.parametrize("n", [4, 10])
def test_the_interval_of_f1_covers_the_true_one_whatever_the_number_of_images(chances, n: int) -> None:
    """Every outcome of n images that are right, wrong or neither of nor taken for the class, with its chance."""
    true_f1 = 2 * chances[0] / (2 * chances[0] + chances[1])
    covered = 0.0
    for right, wrong in product(range(n + 1), repeat=2):
        other = n - right - wrong
        if other < 0:
            continue
        ways = factorial(n) / (factorial(right) * factorial(wrong) * factorial(other))
        chance = ways * chances[0] ** right * chances[1] ** wrong * chances[2] ** other
        rows = [("A", "A")] * right + [("A", "B")] * wrong + [("B", "B")] * other
        f1 = per_class(table(rows), ["A", "B"])[0].f1
        covered += chance * (f1.low <= true_f1 <= f1.high)
    assert covered >= 0.95


def test_patients_count_and_copies_of_one_add_no_certainty() -> None:
    rows = [("A", "A"), ("A", "B"), ("A", "A"), ("A", "B"), ("A", "A")]
    alone = per_class(table(rows), ["A", "B"])[0]
    copied = per_class(table([row for row in rows for _ in range(20)], np.repeat(range(5), 20)), ["A", "B"])[0]
    assert (copied.images, copied.groups) == (100, 5)
    assert copied.recall.value == alone.recall.value
    assert copied.recall.high - copied.recall.low >= alone.recall.high - alone.recall.low
    loose = per_class(table([row for row in rows for _ in range(20)]), ["A", "B"])[0]
    assert loose.recall.high - loose.recall.low < 0.3


def test_all_right_in_two_patients_is_two_successes() -> None:
    found = proportion(np.array([9.0, 3.0]), np.array([9.0, 3.0]), by_group=True)
    assert (found.low, found.high) == pytest.approx((stats.beta.ppf(0.025, 2, 1), 1.0))


def test_independent_images_of_many_patients_keep_nearly_the_plain_interval() -> None:
    rng = np.random.default_rng(3)
    right = rng.random(600) < 0.7
    groups = np.repeat(np.arange(200), 3)
    found = proportion(np.bincount(groups, right), np.bincount(groups).astype(float), by_group=True)
    plain = proportion(np.array([right.sum()]), np.array([600.0]))
    assert found.high - found.low == pytest.approx(plain.high - plain.low, rel=0.15)


def test_two_seeds_do_not_make_two_images_of_one() -> None:
    rows = [("A", "A")] * 3 + [("A", "B")]
    once = per_class(table(rows), ["A", "B"])[0]
    twice = per_class(pd.concat([table(rows), table(rows, seed=43)]), ["A", "B"])[0]
    assert twice == once
