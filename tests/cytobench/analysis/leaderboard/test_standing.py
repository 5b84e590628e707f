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
