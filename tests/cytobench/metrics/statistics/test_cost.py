"""A gain has a price only where it is shown."""

from __future__ import annotations

import pytest

from cytobench.metrics.statistics.cost import gain_and_cost
from cytobench.metrics.statistics.folds import fold_difference

GAIN = fold_difference({1: [0.05, 0.06, 0.04, 0.05, 0.05]}, 1 / 3)
NOTHING = fold_difference({1: [0.05, -0.06, 0.04, -0.05, 0.05]}, 1 / 3)
LOSS = fold_difference({1: [-0.05, -0.06, -0.04, -0.05, -0.05]}, 1 / 3)


def test_a_gain_is_priced_for_each_hundredth() -> None:
    found = gain_and_cost(GAIN, 3 * 3600, 3600)
    assert (found.hours, found.words) == (2.0, "a gain")
    assert found.hours_per_step == pytest.approx(2 / 5)


@pytest.mark.parametrize("times", [(None, 3600.0), (3600.0, None)])
def test_a_gain_whose_cost_is_not_known_is_a_gain_without_a_price(times: tuple[float | None, float | None]) -> None:
    found = gain_and_cost(GAIN, *times)
    assert (found.hours, found.hours_per_step, found.words) == (None, None, "a gain")
    assert gain_and_cost(NOTHING, *times).words == "no gain shown"


@pytest.mark.parametrize(
    ("gain", "seconds", "p_family", "words"),
    [
        (NOTHING, 7200, None, "no gain shown"),
        (LOSS, 7200, None, "a loss"),
        (GAIN, 7200, 0.4, "no gain shown, adjusted for the declared family"),
        (LOSS, 7200, 0.4, "no gain shown, adjusted for the declared family"),
        (LOSS, 7200, 0.01, "a loss"),
        (GAIN, 1800, 0.01, "a gain, at no extra cost"),
        (fold_difference({1: [0.1]}, 1 / 3), 7200, None, "not known (one fold: there is no interval over folds)"),
    ],
)
def test_what_is_no_gain_has_no_price(gain, seconds: float, p_family: float | None, words: str) -> None:
    found = gain_and_cost(gain, seconds, 3600, p_family)
    assert (found.words, found.hours_per_step) == (words, None)


def test_where_there_is_no_verdict_there_is_no_gain() -> None:
    found = gain_and_cost(GAIN, 7200, 3600, 0.01, "it may have seen the test images")
    assert (found.words, found.hours_per_step) == ("not known (it may have seen the test images)", None)
