"""Drawn permutations come to what all of them say."""

from __future__ import annotations

import numpy as np
import pytest

from cytobench.metrics.copying.permutation import Stratum, permute


def strata() -> list[Stratum]:
    rng = np.random.default_rng(0)
    weights = [rng.integers(0, 50, size) for size in (9, 6, 4)]
    return [Stratum(of_units, np.arange(len(of_units)) < 3) for of_units in weights]


def test_drawn_permutations_come_near_to_all() -> None:
    exact = permute(strata(), 10**5, seed=0)
    assert exact.permutations == 84 * 20 * 4 - 1
    drawn = permute(strata(), 5000, seed=0)
    assert drawn.permutations == 5000
    for name in ("p_sum", "p_max", "p_combined"):
        p = getattr(exact, name)
        assert getattr(drawn, name) == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / 5000) + 2e-4)


def test_a_seed_gives_one_result() -> None:
    assert permute(strata(), 500, seed=1) == permute(strata(), 500, seed=1)
    assert permute(strata()[::-1], 500, seed=1) == permute(strata(), 500, seed=1)


def test_equal_sums_count_as_reached() -> None:
    stratum = Stratum(np.array([5, 5, 5, 5]), np.array([True, False, False, False]))
    test = permute([stratum], 999, seed=0)
    assert (test.p_sum, test.p_max, test.p_combined) == (1, 1, 1)


def test_strata_that_cannot_move_say_nothing() -> None:
    fixed = Stratum(np.array([10**6, 3]), np.array([True, True]))
    assert permute([*strata(), fixed], 500, seed=1) == permute(strata(), 500, seed=1)
    with pytest.raises(ValueError, match="no label can move"):
        permute([fixed], 99, seed=0)
