"""Holm's adjustment, in which one test under several names counts once."""

from __future__ import annotations

import pytest

from cytobench.metrics.statistics.holm import holm


def test_equal_predictions_are_one_hypothesis() -> None:
    # A loss of p 0.012 beside four rows of `random` that are the same predictions.
    values, names = [0.012, 0.6, 0.6, 0.6, 0.6], ["lora", "random", "random", "random", "random"]
    assert holm(values)[0] == pytest.approx(0.06)
    assert holm(values, names) == pytest.approx([0.024, 0.6, 0.6, 0.6, 0.6])


def test_one_test_with_several_p_counts_with_the_highest() -> None:
    assert holm([0.01, 0.04, 0.02], ["a", "a", "b"]) == pytest.approx([0.04, 0.04, 0.04])


def test_without_names_each_is_one_and_none_counts_as_one() -> None:
    assert holm([0.01, None, 0.04]) == [pytest.approx(0.03), None, pytest.approx(0.08)]
    assert holm([None, None], ["a", "a"]) == [None, None]
