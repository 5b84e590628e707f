"""What is said of two sets of features, and what is left out for too few images."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from cytobench.metrics.fidelity.distances import kid
from cytobench.metrics.fidelity.features import FeatureSet
from cytobench.metrics.fidelity.measure import Fidelity, measure


def normal(n: int, d: int, seed: int, shift: float = 0.0, groups: list[str | None] | None = None) -> FeatureSet:
    features = np.random.default_rng(seed).normal(shift, 1, (n, d)).astype(np.float32)
    return FeatureSet(features, ["A"] * n, groups or [None] * n)


def test_other_images_are_farther_than_alike_ones_and_the_floor_is_near_nought() -> None:
    alike = measure(normal(80, 16, 1), normal(80, 16, 2), seed=0)
    other = measure(normal(80, 16, 1), normal(80, 16, 3, shift=1.0), seed=0)
    assert alike.kid and other.kid and alike.precision and other.precision and alike.floor
    assert alike.kid.low is not None and alike.kid.high is not None
    assert alike.kid.low < 0 < alike.kid.high
    assert other.kid.low is not None and other.kid.low > alike.kid.high
    assert other.precision.value < 0.2 < alike.precision.value
    assert abs(alike.floor.kid or 9.0) < 0.1 * other.kid.value
    assert alike.floor.halves == [(40, 40)] * 5
    assert alike.kid_subset_size == 40
    assert alike.copying is None


def test_the_same_seed_gives_the_same_figures_and_another_one_others() -> None:
    sides = normal(30, 8, 1), normal(20, 8, 2, 0.3)
    first = measure(*sides, seed=1)
    assert asdict(measure(*sides, seed=1)) == asdict(first)
    assert measure(*sides, seed=2).kid != first.kid


def test_three_images_leave_every_figure_out_with_its_reason() -> None:
    fidelity = measure(normal(3, 2, 1), normal(50, 2, 2), seed=0)
    assert (fidelity.kid, fidelity.precision, fidelity.recall, fidelity.floor, fidelity.kid_subset_size) == (None,) * 5
    assert fidelity.fid is not None, "3 images are enough for 2 features"
    assert fidelity.reasons["kid"] == "needs at least 4 images a side"
    assert fidelity.reasons["recall"] == "needs at least 4 images a side"
    assert fidelity.reasons["floor"] == "needs at least 4 groups of real images, or images without one"


def test_seven_images_have_figures_and_no_interval() -> None:
    fidelity = measure(normal(7, 16, 1), normal(7, 16, 2), seed=0)
    assert fidelity.kid and fidelity.precision
    assert (fidelity.kid.low, fidelity.precision.high) == (None, None)
    assert "comes from parts of the images, and the figure needs at least 4" in fidelity.reasons["kid.interval"]


def test_there_is_no_fid_below_the_number_of_features_and_no_interval_or_floor_below_twice_that() -> None:
    def of(n: int) -> Fidelity:
        return measure(normal(n, 12, 1), normal(n, 12, 2), seed=0)

    assert of(11).fid is None
    assert of(11).reasons["fid"] == "needs at least 12 images a side, as many as there are features"
    middle, large = of(23), of(24)
    assert middle.fid and middle.fid.low is None and middle.floor and middle.floor.fid is None
    assert "floor.fid" in middle.reasons and "fid.interval" in middle.reasons
    assert large.fid and large.fid.low is not None and large.floor and large.floor.fid is not None
    assert large.reasons == {}


def test_fid_of_equal_distributions_falls_with_n_and_kid_does_not() -> None:
    """Why figures of different n are never set beside each other."""
    few, many = (measure(normal(n, 16, 1), normal(n, 16, 2), seed=0) for n in (20, 400))
    assert few.fid and many.fid and few.kid and many.kid
    assert few.fid.value > 5 * many.fid.value
    assert few.kid.low is not None and few.kid.high is not None
    assert few.kid.low < many.kid.value < few.kid.high


def test_intervals_are_wider_where_images_come_from_few_patients() -> None:
    rng = np.random.default_rng(0)
    patients = rng.normal(size=(8, 6)).repeat(10, axis=0)
    features = (patients + 0.1 * rng.normal(size=(80, 6))).astype(np.float32)
    groups = [f"p{i // 10}" for i in range(80)]
    synthetic = normal(80, 6, 2)
    known = measure(FeatureSet(features, ["A"] * 80, groups), synthetic, seed=0)
    unknown = measure(FeatureSet(features, ["A"] * 80, [None] * 80), synthetic, seed=0)
    assert known.kid and unknown.kid
    figures = known.kid, unknown.kid
    widths = [figure.high - figure.low for figure in figures if figure.high is not None and figure.low is not None]
    assert widths[0] > 1.5 * widths[1]


def test_three_patients_are_too_few_for_an_interval_or_a_floor() -> None:
    groups: list[str | None] = [f"p{i % 3}" for i in range(60)]
    fidelity = measure(normal(60, 4, 1, groups=groups), normal(60, 4, 2), seed=0)
    assert fidelity.kid and fidelity.kid.low is None
    assert fidelity.reasons["kid.interval"] == "needs at least 4 groups, or images without one, a side"
    assert fidelity.floor is None


@pytest.mark.parametrize(("n_real", "n_synthetic", "shift"), [(40, 40, 0.3), (60, 30, 0.3), (30, 30, 0.0)])
def test_intervals_hold_the_true_distance(n_real: int, n_synthetic: int, shift: float) -> None:
    """95 % nominal; that 40 repetitions hold it 33 times or fewer has a chance of 0.3 %."""
    far = normal(2000, 8, 0), normal(2000, 8, 1, shift)
    truth = kid(far[0].features, far[1].features, 1000, subsets=10)
    n_covering = 0
    for repetition in range(40):
        real, synthetic = normal(n_real, 8, 10 + repetition), normal(n_synthetic, 8, 1000 + repetition, shift)
        figure = measure(real, synthetic, seed=repetition).kid
        assert figure and figure.low is not None and figure.high is not None
        n_covering += figure.low <= truth <= figure.high
    assert n_covering > 33


def test_shares_stay_within_nought_and_one() -> None:
    fidelity = measure(normal(20, 3, 1), normal(20, 3, 2), seed=0)
    for figure in (fidelity.precision, fidelity.recall):
        assert figure and figure.low is not None and figure.high is not None
        assert 0 <= figure.low <= figure.value <= figure.high <= 1
