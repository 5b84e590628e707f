"""Subsamples and halves: whole groups, without replacement."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cytobench.metrics.fidelity.resampling import Units

GROUPS = st.lists(st.sampled_from([None, "a", "b", "c", "d"]), min_size=1, max_size=30)


@given(GROUPS, st.integers(0, 5))
def test_halves_hold_every_image_once_and_no_group_on_both_sides(groups: list[str | None], seed: int) -> None:
    halves = Units.of(groups).halves(np.random.default_rng(seed))
    assert sorted([*halves[0], *halves[1]]) == list(range(len(groups)))
    named = [{groups[row] for row in half} - {None} for half in halves]
    assert not named[0] & named[1]


@given(GROUPS, st.integers(0, 5), st.data())
def test_a_subsample_has_whole_groups(groups: list[str | None], seed: int, data: st.DataObject) -> None:
    units = Units.of(groups)
    number = data.draw(st.integers(1, len(units)))
    rows = units.subsample(number, np.random.default_rng(seed))
    assert len(set(rows)) == len(rows)
    taken = {groups[row] for row in rows} - {None}
    assert all((row in rows) == (group in taken) for row, group in enumerate(groups) if group is not None)
    assert len(taken) + sum(groups[row] is None for row in rows) == number


def test_halves_of_images_without_groups_differ_by_one_at_most() -> None:
    halves = Units.of([None] * 7).halves(np.random.default_rng(0))
    assert sorted(map(len, halves)) == [3, 4]


def test_a_subsample_is_half_of_the_units_or_about_so_many_images() -> None:
    units = Units.of([str(i // 10) for i in range(200)])
    assert (len(units), units.n) == (20, 200)
    assert units.share(None) == 10
    assert units.share(50) == 5
    assert units.share(1) == 1
    assert units.share(1000) == 10
