"""Differences over test images: scores from counts, bootstrap, permutation, McNemar."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score

from cytobench.metrics.statistics.images import accuracy, f1_macro, image_differences, mcnemar_exact, unit_counts
from cytobench.metrics.statistics.units import grouped, unit_numbers

CLASSES = 4
SCORES = {"accuracy": accuracy, "f1_macro": f1_macro}


def predictions(n: int, right_a: float, right_b: float, seed: int = 0):
    """True classes, and two rows' predictions that are right with these chances."""
    rng = np.random.default_rng(seed)
    true = rng.integers(CLASSES, size=n)
    rows = [np.where(rng.random(n) < right, true, rng.integers(CLASSES, size=n)) for right in (right_a, right_b)]
    return true, rows[0], rows[1]


def counted(true, predicted, unit=None):
    unit = np.arange(len(true)) if unit is None else unit
    return unit_counts(true, predicted, unit, np.zeros(len(true), dtype=int), CLASSES)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(-1, CLASSES - 1)), min_size=1, max_size=40))
def test_scores_from_counts_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    true, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    counts = counted(true, predicted).sum(0)
    expected = f1_score(true, predicted, labels=range(CLASSES), average="macro", zero_division=0)
    assert f1_macro(counts) == pytest.approx(expected)
    assert accuracy(counts) == pytest.approx(accuracy_score(true, predicted))


def test_seeds_are_averaged_not_added() -> None:
    true = np.array([0, 1, 0, 1])
    unit, seed = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    counts = unit_counts(true, np.array([0, 1, 1, 0]), unit, seed, 2).sum(0)
    assert accuracy(counts) == pytest.approx(0.5)
    assert f1_macro(counts) == pytest.approx(0.5)


def test_the_interval_of_accuracy_is_scipys_paired_bootstrap() -> None:
    true, a, b = predictions(300, 0.8, 0.7)
    found = image_differences(counted(true, a), counted(true, b), SCORES, np.random.default_rng(1))["accuracy"]
    right = (a == true).astype(float), (b == true).astype(float)
    expected = stats.bootstrap(
        right,
        lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
        paired=True,
        n_resamples=4000,
        method="percentile",
        random_state=2,
    ).confidence_interval
    assert found.value == pytest.approx(right[0].mean() - right[1].mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.012)


def test_the_interval_of_macro_f1_is_that_of_drawing_images_one_by_one() -> None:
    true, a, b = predictions(120, 0.8, 0.6)
    found = image_differences(counted(true, a), counted(true, b), SCORES, np.random.default_rng(1))["f1_macro"]
    rng = np.random.default_rng(5)

    def drawn() -> float:
        rows = rng.integers(len(true), size=len(true))
        f1 = [
            f1_score(true[rows], one[rows], labels=range(CLASSES), average="macro", zero_division=0) for one in (a, b)
        ]
        return f1[0] - f1[1]

    low, high = np.quantile([drawn() for _ in range(600)], [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.03)


def test_the_permutation_p_is_that_of_mcnemar_for_accuracy() -> None:
    true, a, b = predictions(200, 0.8, 0.7)
    found = image_differences(counted(true, a), counted(true, b), SCORES, np.random.default_rng(1))["accuracy"]
    _, p = mcnemar_exact(a == true, b == true)
    assert found.p == pytest.approx(p, abs=0.02)


def test_equal_rows_have_p_1_and_an_interval_of_nothing() -> None:
    true, a, _ = predictions(50, 0.7, 0.7)
    for one in image_differences(counted(true, a), counted(true, a), SCORES, np.random.default_rng(0)).values():
        assert (one.value, one.low, one.high, one.p) == (0.0, 0.0, 0.0, 1.0)


def test_groups_are_drawn_as_wholes_so_copies_of_an_image_add_no_certainty() -> None:
    true, a, b = predictions(40, 0.8, 0.6)
    once = image_differences(counted(true, a), counted(true, b), SCORES, np.random.default_rng(1))
    copied = [np.repeat(one, 5) for one in (true, a, b)]
    unit = np.repeat(np.arange(40), 5)
    counts = [counted(copied[0], one, unit) for one in copied[1:]]
    grouped_ = image_differences(*counts, SCORES, np.random.default_rng(1))
    loose = image_differences(*(counted(copied[0], one) for one in copied[1:]), SCORES, np.random.default_rng(1))
    for name in SCORES:
        assert (grouped_[name].low, grouped_[name].p) == pytest.approx((once[name].low, once[name].p))
        assert loose[name].high - loose[name].low < 0.7 * (once[name].high - once[name].low)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 2 / 2**5), (6, 1, 2 * (1 + 7) / 2**7), (3, 3, 1.0), (10, 2, 158 / 4096)],
)
def test_mcnemar_on_small_tables_is_the_binomial_by_hand(only_a: int, only_b: int, p: float) -> None:
    a = np.array([True] * only_a + [False] * only_b + [True, False])
    b = np.array([False] * only_a + [True] * only_b + [True, False])
    table, found = mcnemar_exact(a, b)
    assert table == [[1, only_a], [only_b, 1]]
    assert found == pytest.approx(p)


def test_units_are_groups_where_known_and_images_elsewhere() -> None:
    table = pd.DataFrame({"path": ["a", "b", "c", "d", "a"], "group": pd.array([7, 7, None, None, 7], dtype="Int64")})
    assert unit_numbers(table).tolist() == [0, 0, 1, 2, 0]
    assert grouped(table)
    assert unit_numbers(table[["path"]]).tolist() == [0, 1, 2, 3, 0]
    assert not grouped(table[["path"]])
