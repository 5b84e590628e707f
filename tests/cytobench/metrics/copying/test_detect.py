"""The copying test against enumeration by hand, its invariances, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations, product
from math import comb, log

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cytobench.errors import UserError
from cytobench.metrics.copying import Copying, Features, detect_copying, holm
from cytobench.metrics.copying.model import CLOSER
from cytobench.metrics.copying.neighbours import SMALLEST_RATIO

Points = np.ndarray


def cloud(seed: int, *sizes: int, width: int = 6) -> list[Points]:
    """Normal vectors of one distribution."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(size, width)) for size in sizes]


def examined(shots: Points, held_out: Points, synthetic: Points, **options) -> Copying:
    return detect_copying(
        Features(shots), Features(held_out), Features(synthetic), **{"chosen": None, "seed": 3, **options}
    )


def by_hand(real: Points, chosen: set[int], synthetic: Points, groups: list[str] | None) -> tuple[float, float]:
    """Sum and largest sum of a shot by the words of the definition; no two of ``real`` are near-duplicates."""
    of_shot = dict.fromkeys(chosen, 0.0)
    for image in synthetic:
        distances = [float(np.sqrt(((image - other) ** 2).sum())) for other in real]
        nearest = min(range(len(real)), key=distances.__getitem__)
        others = [i for i in range(len(real)) if i != nearest]
        if groups is not None:
            others = [i for i in others if groups[i] != groups[nearest]]
        ratio = max(distances[nearest] / min(distances[i] for i in others), SMALLEST_RATIO)
        if nearest in chosen:
            of_shot[nearest] += -log(min(ratio, 1))
    return sum(of_shot.values()), max(of_shot.values())


def enumerated(shots: int, groups: list[str] | None, n: int) -> list[set[int]]:
    """Every choice of shots; where groups are known, with as many of each group as the first ``shots`` images have."""
    if groups is None:
        return [set(chosen) for chosen in combinations(range(n), shots)]
    names = sorted(set(groups))
    ways = [combinations([i for i in range(n) if groups[i] == name], groups[:shots].count(name)) for name in names]
    return [{i for part in chosen for i in part} for chosen in product(*ways)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("groups", [None, list("aabbab" + "aabb")])
def test_p_values_are_those_of_all_labellings(seed: int, groups: list[str] | None) -> None:
    real, synthetic = cloud(seed, 10, 12)
    if seed == 1:
        synthetic[:2] = real[:2] + 0.05
    shots = 6 if groups else 3
    labellings = [by_hand(real, chosen, synthetic, groups) for chosen in enumerated(shots, groups, 10)]
    observed = by_hand(real, set(range(shots)), synthetic, groups)
    p_values = [
        [np.mean([other[k] >= sums[k] - 1e-7 for other in labellings]) for k in (0, 1)]
        for sums in [observed, *labellings]
    ]
    combined = np.mean([min(pair) <= min(p_values[0]) for pair in p_values[1:]])

    parts = [Features(real[rows], groups[rows] if groups else None) for rows in (slice(shots), slice(shots, None))]
    result = detect_copying(*parts, Features(synthetic), chosen=None, permutations=5000)

    assert result.permutations == len(labellings) - 1
    assert result.smallest_p == pytest.approx(1 / len(labellings))
    assert [result.p_value, result.p_max, result.p_combined] == pytest.approx([*p_values[0], combined])


@pytest.mark.parametrize("groups", [None, list("aabbb") + list("bba")])
def test_over_all_labellings_p_is_never_too_small(groups: list[str] | None) -> None:
    """The null itself: each labelling is as likely as another, and P(p <= x) <= x for every x."""
    real, synthetic = cloud(5, 8, 15)
    results = [labelled(real, groups, chosen, synthetic) for chosen in enumerated(4, groups, 8)]
    assert len(results) == results[0].permutations + 1 == (70 if groups is None else 30)
    for name in ("p_value", "p_max", "p_combined"):
        assert_uniform_at_most([getattr(result, name) for result in results])


def test_over_all_labellings_of_near_duplicates_too() -> None:
    """Image 7 and 6 are near-duplicates: both are shots or neither is."""
    real, synthetic = cloud(5, 8, 15)
    real[7] = real[6] + 1e-6
    units = [chosen | {7} if 6 in chosen else chosen for chosen in enumerated(3, None, 7)]
    results = [labelled(real, None, chosen, synthetic) for chosen in units]
    assert len(results) == results[0].permutations + 1 == 35
    for name in ("p_value", "p_max", "p_combined"):
        assert_uniform_at_most([getattr(result, name) for result in results])


def labelled(real: Points, groups: list[str] | None, chosen: set[int], synthetic: Points) -> Copying:
    rows = [sorted(chosen), sorted(set(range(len(real))) - chosen)]
    parts = [Features(real[part], [groups[i] for i in part] if groups else None) for part in rows]
    return detect_copying(*parts, Features(synthetic), chosen=None)


def assert_uniform_at_most(values: list[float]) -> None:
    for value in set(values):
        assert np.mean([other <= value for other in values]) <= value + 1e-12


@pytest.mark.parametrize("grouped", [False, True])
def test_honest_images_are_rarely_found_guilty(grouped: bool) -> None:
    """At 5 %, of 400; with groups the images have the look of the shots' patients, in the shots' shares."""
    n_found = 0
    for run in range(400):
        rng = np.random.default_rng([1, run])
        centres = rng.normal(0, 0.5 if grouped else 0, (6, 10))
        person = rng.integers(0, 6, 60)
        real = centres[person] + rng.normal(size=(60, 10))
        synthetic = centres[rng.choice(person[:12], 40)] + rng.normal(size=(40, 10))
        parts = [
            Features(real[rows], person[rows].astype(str).tolist() if grouped else None)
            for rows in (slice(12), slice(12, None))
        ]
        result = detect_copying(*parts, Features(synthetic), chosen=None, permutations=199, seed=run)
        n_found += (result.p_combined or 1) <= 0.05
    assert n_found <= 34  # 20 expected; more than 34 of 400 has a chance of 0.1 %


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(6, 40), st.integers(1, 30), st.floats(1e-3, 1e3))
def test_scale_rotation_and_shift_change_nothing(
    seed: int, shots: int, n_held_out: int, n_synthetic: int, scale: float
) -> None:
    parts = cloud(seed, shots, n_held_out, n_synthetic)
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    first = examined(*parts)
    second = examined(*(scale * (part @ turn) + 3 * scale for part in parts))
    assert comparable(first) == comparable(second)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 10), st.integers(6, 60), st.integers(1, 30), st.booleans())
def test_the_order_of_images_changes_nothing(
    seed: int, shots: int, n_held_out: int, n_synthetic: int, grouped: bool
) -> None:
    parts = cloud(seed, shots, n_held_out, n_synthetic)
    parts[1][:2] = parts[0][:2]  # duplicates of shots among the held-out images
    rng = np.random.default_rng(seed)
    groups = [rng.choice(list("abc"), len(part)) if grouped else None for part in parts]
    orders = [rng.permutation(len(part)) for part in parts]

    def tested(rows: list[np.ndarray]) -> Copying:
        taken = [
            Features(part[order], None if group is None else group[order].tolist())
            for part, group, order in zip(parts, groups, rows, strict=True)
        ]
        return detect_copying(*taken, chosen=None, seed=1)

    first, second = tested([np.arange(len(part)) for part in parts]), tested(orders)
    assert comparable(first) == comparable(second)
    places = {(orders[2][pair.synthetic], pair.distance) for pair in second.pairs}
    assert places == {(pair.synthetic, pair.distance) for pair in first.pairs}


def comparable(result: Copying) -> Copying:
    return replace(result, pairs=())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 30), st.integers(1, 20), st.integers(1, 300))
def test_every_p_is_one_that_can_be(
    seed: int, shots: int, n_held_out: int, n_synthetic: int, permutations: int
) -> None:
    result = examined(*cloud(seed, shots, n_held_out, n_synthetic), permutations=permutations, seed=seed)
    ways = min(comb(shots + n_held_out, shots), permutations + 1)
    if not result.testable:
        assert ways < 20
        assert (result.p_value, result.p_max, result.p_combined, result.smallest_p) == (None,) * 4
        return
    assert result.smallest_p == 1 / ways and result.permutations == ways - 1
    for p in (result.p_value, result.p_max, result.p_combined):
        assert p is not None and result.smallest_p <= p <= 1
        assert p * ways == pytest.approx(round(p * ways))


def test_copies_of_several_shots_are_found() -> None:
    shots, held_out, synthetic = cloud(0, 16, 100, 100)
    synthetic[:5] = shots[:5]
    result = examined(shots, held_out, synthetic)
    assert result.p_value == result.p_combined == result.smallest_p == 0.001
    assert result.outcome == "closer to the shots"
    assert result.verdict.startswith(f"{CLOSER}: p 0.001 (16 shots, 100 held-out and 100 synthetic images, 999 p")
    assert [(pair.synthetic, pair.shot, pair.distance) for pair in result.pairs[:5]] == [
        (i, i, SMALLEST_RATIO) for i in range(5)
    ]


def test_copies_of_one_shot_cannot_bring_p_below_its_chance_to_be_a_shot() -> None:
    shots, held_out, synthetic = cloud(0, 16, 100, 100)
    synthetic[:] = shots[0]
    result = examined(shots, held_out, synthetic, permutations=9999)
    assert result.smallest_p_one_shot == 16 / 116
    assert result.p_value == result.p_max == pytest.approx(16 / 116, abs=0.01)
    assert result.verdict.startswith("copying not found at this power: p 0.1")
    assert "with copies of one shot alone about 0.14" in result.verdict
    many = examined(shots, cloud(9, 400)[0], synthetic, permutations=9999)
    assert many.verdict.startswith(CLOSER)


def test_a_gaussian_fitted_to_the_shots_is_closer_to_them_and_copies_none() -> None:
    """What the test finds is no proof of a copy: images like the shots on the whole are found too."""
    closer = 0
    for seed in range(20):
        shots, held_out, _ = cloud(seed, 16, 100, 1)
        rng = np.random.default_rng(seed)
        narrow = rng.multivariate_normal(shots.mean(axis=0), np.cov(shots.T), size=100)
        closer += examined(shots, held_out, narrow).outcome == "closer to the shots"
    assert closer >= 10


def test_one_shot_is_enough_where_enough_is_held_out() -> None:
    shots, held_out, synthetic = cloud(0, 1, 40, 20)
    synthetic[:5] = shots[0]
    result = examined(shots, held_out, synthetic)
    assert (result.p_value, result.permutations, result.smallest_p) == (1 / 41, 40, 1 / 41)


@pytest.mark.parametrize("empty", range(3))
def test_without_images_of_a_part_it_is_not_testable(empty: int) -> None:
    parts = cloud(0, 5, 20, 10)
    parts[empty] = parts[empty][:0]
    result = examined(*parts)
    name = ["shots", "held-out images", "synthetic images"][empty]
    assert not result.testable and result.reason == f"there are no {name}"
    assert result.verdict.startswith(f"not testable: there are no {name} (")


def test_too_few_images_for_a_small_p_are_not_testable() -> None:
    result = examined(*cloud(0, 1, 10, 10))
    assert result.reason == "11 ways to label the images allow no p below 0.091"
    assert "0.059" in str(examined(*cloud(0, 4, 10, 10), permutations=16).reason)


def test_chosen_shots_are_not_testable() -> None:
    shots, held_out = cloud(0, 16, 100)
    result = examined(shots, held_out, shots, chosen="the sharpest of the class")
    assert not result.testable and "the sharpest of the class" in str(result.reason)
    assert result.p_value is result.p_holm is None
    assert result.pairs[0].distance == SMALLEST_RATIO  # pairs are there to look at all the same


def grouped(
    shots: Points, shot_groups: list[str], held_out: Points, held_out_groups: list[str], synthetic: Points
) -> Copying:
    return detect_copying(
        Features(shots, shot_groups), Features(held_out, held_out_groups), Features(synthetic), chosen=None, seed=0
    )


def test_shots_of_other_patients_are_not_testable() -> None:
    shots, held_out, synthetic = cloud(0, 8, 40, 20)
    result = grouped(shots, ["a", "b"] * 4, held_out, ["c", "d"] * 20, synthetic)
    assert not result.testable and "no group has both shots and held-out images" in str(result.reason)


def test_only_groups_with_held_out_images_are_tested() -> None:
    shots, held_out, synthetic = cloud(0, 8, 40, 20)
    synthetic[:6] = shots[:6]
    result = grouped(shots, ["a", "b"] * 4, held_out, ["a", "d"] * 20, synthetic)
    assert (result.n_shots, result.n_shots_tested) == (8, 4)
    assert result.smallest_p_one_shot == 4 / 24
    unknown = grouped(shots, ["a", ""] * 4, held_out, ["a", ""] * 20, synthetic)
    assert unknown.n_shots_tested == 4


def test_the_next_image_is_of_another_patient() -> None:
    """A patient's cells may lie so close together that a copy is no nearer to its shot than to the next one."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(8), 10)
    real = 10 * rng.normal(size=(8, 6))[people] + rng.normal(size=(80, 6))
    order = rng.permutation(80)
    shots, held_out = order[:16], order[16:]
    synthetic = real[shots] + 0.5 * rng.normal(size=(16, 6))
    names = people.astype(str)
    result = grouped(real[shots], names[shots].tolist(), real[held_out], names[held_out].tolist(), synthetic)
    assert max(pair.distance for pair in result.pairs) < 0.2
    assert max(pair.distance for pair in examined(real[shots], real[held_out], synthetic).pairs) > 0.2
    assert result.p_value is not None and result.p_value < 0.02


def test_of_two_images_as_near_as_each_other_labels_do_not_decide() -> None:
    """Else a shot would win every draw, and honest images would lie closer to shots."""
    left, right = [[-1.0, 0.0]], [[1.0, 0.0]]
    others = [[0.0, 5.0 + i] for i in range(20)]
    groups = ["a", *["b"] * 20]

    def at_shot(shot: list[list[float]], held_out: list[list[float]]) -> int:
        parts = [np.array([*shot, *others[:10]]), np.array([*held_out, *others[10:]])]
        result = grouped(parts[0], groups[:11], parts[1], groups[:11], np.zeros((1, 2)))
        return sum(pair.shot == 0 for pair in result.pairs)

    assert at_shot(left, right) + at_shot(right, left) == 1


def test_one_patient_alone_is_tested_among_its_own_images() -> None:
    shots, held_out, synthetic = cloud(0, 8, 40, 20)
    synthetic[:5] = shots[:5]
    result = grouped(shots, ["a"] * 8, held_out, ["a"] * 40, synthetic)
    assert comparable(result) == comparable(examined(shots, held_out, synthetic, seed=0))
    assert result.p_value == 0.001


def test_near_twins_of_a_shot_do_not_hide_its_copies() -> None:
    rng = np.random.default_rng(0)
    shots, held_out, synthetic = cloud(0, 8, 50, 20)
    synthetic[:5] = shots[:5] + 0.2 * rng.normal(size=(5, 6))
    beside = [np.concatenate([part, part + 0.02 * rng.normal(size=part.shape)]) for part in (shots, held_out)]
    result = examined(*beside, synthetic)
    assert result.p_value == pytest.approx(0.001, abs=0.002)
    assert result.smallest_p_one_shot == 8 / 58  # twins move together
    assert max(pair.distance for pair in result.pairs[:5]) < 0.4


def test_held_out_duplicates_of_shots_count_with_them() -> None:
    shots, held_out, synthetic = cloud(0, 8, 40, 20)
    synthetic[:8] = shots
    result = examined(shots, np.concatenate([shots, held_out]), synthetic)
    assert result.smallest_p_one_shot == 8 / 48
    assert result.p_value == 0.001
    alone = examined(shots, shots, synthetic)
    assert not alone.testable and "near-duplicate" in str(alone.reason)


def test_digests_make_duplicates_too() -> None:
    shots, held_out, synthetic = cloud(0, 8, 40, 20)
    digests = [str(i) for i in range(40)]
    parts = [Features(shots, digests=digests[:8]), Features(held_out, digests=digests), Features(synthetic)]
    assert detect_copying(*parts, chosen=None).smallest_p_one_shot == 8 / 40


def test_constant_features_are_not_testable() -> None:
    assert not examined(np.ones((5, 3)), np.ones((30, 3)), np.ones((9, 3))).testable


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("part", range(3))
def test_features_that_are_no_numbers_are_refused(bad: float, part: int) -> None:
    parts = cloud(0, 5, 20, 10)
    parts[part][3, 1] = bad
    name = ["shots", "held-out images", "synthetic images"][part]
    with pytest.raises(UserError, match=f"features of the {name} are no finite numbers: of 1 images, first of 3"):
        examined(*parts)


def test_what_does_not_fit_is_refused() -> None:
    shots, held_out, synthetic = cloud(0, 5, 20, 10)
    with pytest.raises(UserError, match="6 of the shots, 5 of the held-out images, 6 of the synthetic"):
        examined(shots, held_out[:, :5], synthetic)
    with pytest.raises(UserError, match=r"held-out images have the shape \(20,\)"):
        examined(shots, held_out[:, 0], synthetic)
    with pytest.raises(UserError, match="0 permutations"):
        examined(shots, held_out, synthetic, permutations=0)
    with pytest.raises(UserError, match="the shots are 5 rows of features but 2 groups"):
        grouped(shots, ["a", "b"], held_out, ["a"] * 20, synthetic)
    with pytest.raises(UserError, match="of the shots or of the held-out images alone"):
        detect_copying(Features(shots, ["a"] * 5), Features(held_out), Features(synthetic), chosen=None)


def test_holm_corrects_over_testable_classes() -> None:
    shots, held_out, synthetic = cloud(0, 16, 100, 100)
    copied = synthetic.copy()
    copied[:5] = shots[:5]
    results = {
        "clean": examined(shots, held_out, synthetic),
        "copied": examined(shots, held_out, copied),
        "other": examined(*cloud(4, 16, 100, 100)),
        "alone": examined(shots, held_out[:0], synthetic),
    }
    corrected = holm(results)
    p = sorted(result.p_combined for result in results.values() if result.p_combined is not None)
    by_hand = np.minimum(np.maximum.accumulate(np.array(p) * [3, 2, 1]), 1)
    assert sorted(result.p_holm for result in corrected.values() if result.testable) == pytest.approx(list(by_hand))
    assert corrected["alone"] == results["alone"]
    assert "0.003 after Holm over 3 classes" in corrected["copied"].verdict
    assert corrected["copied"].verdict.startswith(f"{CLOSER}: p 0.003")
    assert holm({"alone": results["alone"]}) == {"alone": results["alone"]}


def test_a_result_is_ready_for_json() -> None:
    result = holm({"a": examined(*cloud(0, 16, 100, 100))})["a"]
    values = json.loads(json.dumps(result.as_json()))
    assert values["testable"] is True and values["verdict"] == result.verdict
    assert values["pairs"][0].keys() == {"space", "synthetic", "shot", "distance", "transform"}
    assert values["near_copies"] is None


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_float32_and_float64_features_agree(seed: int) -> None:
    parts = [part.astype(np.float32) for part in cloud(seed, 6, 30, 20)]
    first, second = examined(*parts), examined(*(part.astype(np.float64) for part in parts))
    assume(first.testable)
    assert first == second
