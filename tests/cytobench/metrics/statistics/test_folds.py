"""The corrected resampled t over folds, and Holm."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from cytobench.metrics.statistics.folds import NoInterval, fold_difference
from cytobench.metrics.statistics.holm import holm

DIFFERENCES = [0.02, 0.05, -0.01, 0.04, 0.03]


def test_the_interval_is_the_one_computed_by_hand() -> None:
    # mean 0.026, s² = 0.00053, t quantile of 4 degrees of freedom 2.7764; half width 2.7764 sqrt(s² (1/5 + 1/3))
    found = fold_difference({42: DIFFERENCES}, 1 / 3)
    assert found.mean == pytest.approx(0.026)
    assert found.high - found.mean == pytest.approx(2.776445 * sqrt(0.00053 * (1 / 5 + 1 / 3)), rel=1e-6)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)
    t = 0.026 / sqrt(0.00053 * (1 / 5 + 1 / 3))
    assert found.p == pytest.approx(2 * stats.t.sf(t, 4))
    assert (found.folds, found.seeds, found.std_seeds, found.no_interval) == (5, 1, None, None)


def test_with_a_vanishing_ratio_it_is_scipys_paired_t() -> None:
    a = np.array([0.5, 0.6, 0.55, 0.7, 0.65])
    found = fold_difference({1: (a - (a - DIFFERENCES)).tolist()}, 1e-12)
    expected = stats.ttest_rel(a, a - DIFFERENCES)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=10), st.floats(0.1, 1), st.integers(1, 4))
def test_the_same_seed_again_changes_nothing(values: list[float], ratio: float, times: int) -> None:
    one = fold_difference({0: values}, ratio)
    again = fold_difference({seed: values for seed in range(times)}, ratio)
    assert again.mean == pytest.approx(one.mean)
    assert (again.folds, again.seeds) == (one.folds, times)
    if one.low is not None and again.low is not None:
        assert again.high - again.low == pytest.approx(one.high - one.low)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=10), st.floats(0.1, 1))
def test_swapping_the_rows_swaps_the_interval_and_keeps_p(values: list[float], ratio: float) -> None:
    one, other = fold_difference({0: values}, ratio), fold_difference({0: [-value for value in values]}, ratio)
    assert other.mean == pytest.approx(-one.mean)
    assert other.p == (None if one.p is None else pytest.approx(one.p))
    if one.low is not None:
        assert (other.low, other.high) == (pytest.approx(-one.high), pytest.approx(-one.low))
        assert one.excludes_zero == (one.p < 0.05)


def test_seeds_are_pooled_within_and_their_spread_is_told_apart() -> None:
    found = fold_difference({1: [0.1, 0.2, 0.3], 2: [0.5, 0.9, 0.7]}, 0.5)
    assert found.mean == pytest.approx(0.45)
    assert found.std_seeds == pytest.approx(np.std([0.2, 0.7], ddof=1))
    pooled = (0.02 + 0.08) / 4
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, 2) * sqrt(pooled * (1 / 3 + 0.5)))


def test_one_fold_has_no_interval_and_says_so() -> None:
    found = fold_difference({1: [0.1], 2: [0.2]}, 1 / 3)
    assert (found.low, found.high, found.p) == (None, None, None)
    assert found.no_interval is NoInterval.ONE_FOLD
    assert not found.excludes_zero


def test_equal_rows_differ_by_nothing() -> None:
    found = fold_difference({1: [0.0] * 5}, 1 / 3)
    # No spread is no certainty: [0, 0] would say that other data would show no difference either.
    assert (found.mean, found.low, found.high, found.p) == (0.0, None, None, 1.0)
    assert found.no_interval is NoInterval.ALL_ZERO


def test_the_same_difference_in_every_fold_gives_no_certainty() -> None:
    found = fold_difference({1: [0.51 - 0.41, 0.52 - 0.42, 0.53 - 0.43]}, 1 / 3)
    assert found.mean == pytest.approx(0.1)
    assert (found.low, found.p) == (None, None)
    assert found.no_interval is NoInterval.NO_SPREAD


@pytest.mark.parametrize(("differences", "ratio"), [({}, 0.3), ({1: []}, 0.3), ({1: [0.1]}, 0.0)])
def test_nothing_to_compare_is_refused(differences: dict[int, list[float]], ratio: float) -> None:
    with pytest.raises(ValueError, match=r"no differences|n_test"):
        fold_difference(differences, ratio)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_that_of_statsmodels(values: list[float]) -> None:
    assert holm(values) == pytest.approx(multipletests(values, method="holm")[1])


def test_a_comparison_without_a_p_stays_in_the_family() -> None:
    assert holm([0.01, None, 0.04]) == pytest.approx([0.03, None, 0.08])
    assert holm([]) == []


def test_an_interval_as_wide_as_the_metric_is_none() -> None:
    # 45 images in three folds, as in the report: [-1.079, 0.672] was shown, of an F1.
    found = fold_difference({42: [-0.55, 0.13, -0.19]}, 1 / 3)
    assert found.low is not None and found.low < -1
    bounded = fold_difference({42: [-0.55, 0.13, -0.19]}, 1 / 3, span=1)
    assert (bounded.low, bounded.high, bounded.no_interval) == (None, None, NoInterval.TOO_FEW)
    assert (bounded.mean, bounded.p) == (found.mean, found.p) and found.p > 0.05


def test_an_interval_ends_where_the_difference_does_and_still_tells_a_gain() -> None:
    wide, cut = (fold_difference({42: [0.9, 0.62, 0.95]}, 1 / 3, span) for span in (None, 1))
    assert wide.high > 1 and wide.low > 0
    assert (cut.low, cut.high, cut.p, cut.no_interval) == (wide.low, 1, wide.p, None)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=6))
@settings(deadline=None)
def test_what_is_left_out_for_its_width_would_have_shown_nothing(differences: list[float]) -> None:
    found, bounded = (fold_difference({42: differences}, 1 / 3, span) for span in (None, 1))
    if bounded.no_interval is NoInterval.TOO_FEW:
        assert not found.excludes_zero
    else:
        assert bounded.excludes_zero == found.excludes_zero
