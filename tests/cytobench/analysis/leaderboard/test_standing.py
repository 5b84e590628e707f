"""Which rows are told from the best one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cytobench.analysis.leaderboard import leaderboard

SCORES = {
    "best": [0.60, 0.70, 0.65, 0.72, 0.68],
    "near": [0.64, 0.62, 0.70, 0.66, 0.69],
    "far": [0.31, 0.38, 0.35, 0.44, 0.38],
}


def rows(make_record, scores, **changes):
    records = [
        make_record(fold, generator=name, f1=f1, **changes)
        for name, own in scores.items()
        for fold, f1 in enumerate(own)
    ]
    (section,) = leaderboard(records).sections
    return section.rows


def corrected_p(a: str, b: str) -> float:
    difference = np.subtract(SCORES[a], SCORES[b])
    t = difference.mean() / np.sqrt(difference.var(ddof=1) * (1 / 5 + 1 / 3))
    return 2 * stats.t.sf(abs(t), 4)


def test_p_is_that_of_the_paired_difference_adjusted_for_all_ranked_rows(make_record) -> None:
    best, near, far = rows(make_record, SCORES)
    assert (best.standing, best.p_best) == ("best", None)
    assert (near.standing, near.p_best) == ("not distinguishable", pytest.approx(corrected_p("best", "near")))
    assert (far.standing, far.p_best) == ("below", pytest.approx(2 * corrected_p("best", "far")))


def test_one_row_alone_has_nothing_to_stand_beside(make_record) -> None:
    (row,) = rows(make_record, {"best": SCORES["best"]})
    assert (row.standing, row.p_best) == (None, None)


def test_with_one_fold_nothing_is_known(make_record) -> None:
    _, other = rows(make_record, {"best": [0.9], "other": [0.1]}, benchmark={"fold": [0]})
    assert (other.standing, other.p_best) == ("not known", None)


def test_rows_that_are_not_ranked_have_no_standing_and_count_in_no_family(make_record) -> None:
    found = rows(make_record, {**SCORES, "part": [0.5, 0.6]})
    assert [row.standing for row in found] == ["best", "not distinguishable", "below", None]
    assert found[2].p_best == pytest.approx(2 * corrected_p("best", "far"))


def test_rows_with_other_test_images_are_never_paired_with_the_best(make_record, make_values) -> None:
    records = []
    for n, name in ((20, "best"), (50, "near")):
        for fold, f1 in enumerate(SCORES[name]):
            protocol = {**make_values(fold)["protocol"], "switches": {"pooled": True}}
            scores = {"test_real": {"accuracy": f1, "f1_macro": f1, "auc_macro": f1}}
            row = f"g/clip/s16/n{n}"
            records.append(make_record(fold, n_synthetic=n, row=row, scores=scores, protocol=protocol))
    (section,) = leaderboard(records).sections
    assert [row.standing for row in section.rows] == ["best", "not known"]


ALONE = {"splits": {"train": {}, "validation": {}, "test": {"BAS": 6, "EOS": 18, "LYA": 6}}}
"""Thirty real test images, and no real image in training."""


@pytest.mark.parametrize(
    ("switches", "best", "far", "ratio"),
    [
        ({"synthetic_only": True}, 30, 30, 1 / 3),  # 30 tested, 3 classes of 30 trained on
        ({"synthetic_only": True}, 300, 300, 1 / 30),
        ({"synthetic_only": True}, 30, 300, 1 / 3),  # of two the larger one, whichever row it is of
        ({"synthetic_only": True}, 300, 30, 1 / 3),
        ({"synthetic_only": True, "pooled": True}, 50, 50, 1 / 3),  # three of five parts of 150 images train
    ],
)
def test_where_no_real_image_trains_synthetic_ones_are_what_is_trained_on(
    make_record, make_values, switches, best, far, ratio
) -> None:
    records = [
        make_record(
            fold, generator=name, row=f"{name}/clip/s16/n{n}", n_synthetic=n, **ALONE,
            protocol={**make_values(fold)["protocol"], "switches": switches},
            scores={split: {"accuracy": f1, "f1_macro": f1, "auc_macro": f1} for split in ("test", "test_real")},
        )
        for name, n in (("best", best), ("far", far))
        for fold, f1 in enumerate(SCORES[name])
    ]  # fmt: skip
    (section,) = leaderboard(records).sections
    differences = np.subtract(SCORES["best"], SCORES["far"])
    t = differences.mean() / np.sqrt(differences.var(ddof=1) * (1 / 5 + ratio))
    assert [row.standing for row in section.rows] == ["best", "below"]
    assert section.rows[1].p_best == pytest.approx(2 * stats.t.sf(t, 4))
