"""Two rows compared, from records and predictions as a run leaves them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar

from cytobench.analysis.comparison.candidates import find_pair
from cytobench.analysis.comparison.pair import compare
from cytobench.analysis.outcomes import Outcome
from cytobench.analysis.results import read_candidates
from cytobench.errors import UserError
from cytobench.reporting.comparison.pair import comparison_lines
from cytobench.reporting.comparison.values import comparison_values
from cytobench.storage.records import read_records

from ...conftest import LABELS

A, B = "sd21-lora/clip/s16/n20", "none/clip/s0/n0"


def compared(folder, a: str = A, b: str = B):
    sections = read_candidates([folder])
    one, other = find_pair(sections, a, b)
    return compare(one, other, next(section for section in sections if one in section))


def refused(folder, a: str = A, b: str = B) -> str:
    with pytest.raises(UserError) as error:
        compared(folder, a, b)
    return str(error.value)


def of_all_folds(folder, row: str) -> pd.DataFrame:
    tables = [pd.read_parquet(file) for file in sorted((folder / "predictions").glob(f"{row.replace('/', '__')}__*"))]
    table = pd.concat(tables, ignore_index=True)
    return table[table["split"] == "test"]


def test_every_figure_is_that_of_records_and_predictions(write) -> None:
    write(None, 0.5)
    folder = write(right=0.9)
    found = compared(folder)
    by_row = {row: [one for one in read_records([folder]) if one.row == row] for row in (A, B)}
    f1 = {row: [one.scores["test"]["f1_macro"] for one in own] for row, own in by_row.items()}
    over = found.folds["f1_macro"]
    assert (over.a, over.b) == pytest.approx((np.mean(f1[A]), np.mean(f1[B])))
    difference = np.subtract(f1[A], f1[B])
    assert over.difference.mean == pytest.approx(difference.mean())
    half = 2.776445 * np.sqrt(difference.var(ddof=1) * (1 / 5 + 1 / 3))
    assert over.difference.high == pytest.approx(difference.mean() + half)
    a, b = of_all_folds(folder, A), of_all_folds(folder, B)
    pooled = [
        f1_score(one["label"], one["predicted"], labels=LABELS, average="macro", zero_division=0) for one in (a, b)
    ]
    assert found.images["f1_macro"].value == pytest.approx(pooled[0] - pooled[1])
    assert (found.n_images, found.n_groups, found.ratio) == (150, None, pytest.approx(1 / 3))
    right_a, right_b = ((one["label"] == one["predicted"]).to_numpy() for one in (a, b))
    expected = mcnemar([[0, (right_a & ~right_b).sum()], [(~right_a & right_b).sum(), 0]], exact=True)
    (test,) = found.mcnemar
    assert test.p == pytest.approx(expected.pvalue)
    assert sum(map(sum, test.table)) == 150
    assert [one.label for one, _ in found.classes] == LABELS
    assert [one.images for one, _ in found.classes] == [30, 90, 30]
    assert found.declared.conclusion.outcome is Outcome.GAIN
    assert "gain, at no extra cost." in comparison_lines(found)[-2]


def test_swapped_rows_give_the_same_with_the_other_sign(write) -> None:
    write(None, 0.5)
    folder = write(right=0.9)
    one, other = compared(folder), compared(folder, B, A)
    for metric, over in one.folds.items():
        assert other.folds[metric].difference.low == pytest.approx(-over.difference.high)
        assert other.folds[metric].difference.p == pytest.approx(over.difference.p)
    assert one.declared.conclusion.outcome is Outcome.GAIN
    said = f"{A}: gain over {B}."
    assert said in comparison_lines(one)[-1] and said in comparison_lines(other)[-1]


def test_what_was_not_declared_is_exploratory(write) -> None:
    write("repeat", 0.5)
    found = compared(write(right=0.6), A, "repeat/clip/s16/n20")
    assert found.declared is None
    assert comparison_lines(found)[-1].startswith("Not one of the declared comparisons: exploratory")


def test_groups_are_drawn_as_wholes_and_counted(write) -> None:
    write(None, 0.5, groups=True)
    found = compared(write(right=0.7, groups=True))
    assert found.n_groups == 50
    assert [one.groups for one, _ in found.classes] == [10, 30, 10]
    text = "\n".join(comparison_lines(found))
    assert "whole groups drawn anew" in text
    assert "It takes images of one group as independent" in text


def test_seeds_steady_the_mean_and_are_no_folds(write) -> None:
    write(None, 0.5, seeds=(42, 43))
    found = compared(write(right=0.7, seeds=(42, 43)))
    difference = found.folds["accuracy"].difference
    assert (difference.folds, difference.seeds) == (5, 2)
    assert f"SD over seeds\naccuracy    {found.folds['accuracy'].a:.3f}" in "\n".join(comparison_lines(found))
    assert f"{difference.std_seeds:.3f}" in "\n".join(comparison_lines(found))
    assert [one.seed for one in found.mcnemar] == [42, 43]
    assert found.n_images == 150
    assert not any("One seed" in remark for remark in found.remarks)


def test_incomplete_rows_are_compared_where_both_are_done_and_say_so(write) -> None:
    write(None, 0.5)
    found = compared(write(right=0.7, folds=(0, 1, 3)))
    assert [where.fold for where in found.replicates] == [0, 1, 3]
    assert found.folds["f1_macro"].difference.folds == 3
    text = "\n".join(found.remarks)
    assert f"{A} is INCOMPLETE: folds 2, 4 missing." in text
    assert f"Left out of {B}, for the other row has not finished it: folds 2, 4." in text


def test_one_fold_has_no_interval_over_folds_but_one_over_images(write) -> None:
    write(None, 0.5, folds=(0,))
    found = compared(write(right=0.7, folds=(0,)))
    assert found.folds["f1_macro"].difference.p is None
    assert found.images["f1_macro"].low < found.images["f1_macro"].high
    text = "\n".join(comparison_lines(found))
    assert "One fold: there is no interval over folds." in text
    assert "not known (one fold" in text


def test_an_auc_that_is_null_is_said_and_the_rest_is_there(write) -> None:
    def always(predicted):
        return lambda table: table[table["label"] == "EOS"].assign(predicted=predicted)

    write(None, folds=(0, 1), change=always("BAS"))
    found = compared(write(folds=(0, 1), change=always("EOS")))
    assert found.folds["auc_macro"].difference is None
    text = "\n".join(comparison_lines(found))
    assert "null in every fold" in text
    assert "the difference is the same in every fold" in text.lower()
    json.dumps(comparison_values(found), allow_nan=False)


def test_json_holds_what_reports_need(write) -> None:
    write(None, 0.5)
    values = json.loads(json.dumps(comparison_values(compared(write(right=0.75))), allow_nan=False))
    assert values["over_folds"]["f1_macro"]["difference"]["folds"] == 5
    assert set(values["over_images"]) == {"unit", "resamples", "permutations", "accuracy", "f1_macro"}
    assert set(values["classes"]["BAS"]["a"]["recall"]) == {"value", "low", "high"}
    assert values["declared"]["chosen_on_validation"] is True
    assert values["gain_and_cost"]["hours"] == 0


def test_two_settings_of_one_name_are_told_apart(write, make_values) -> None:
    classifier = {**make_values()["classifier"], "config": {"epochs": 9}}
    write(None, 0.5)
    folder = write(None, 0.7, tag="long", classifier=classifier)
    message = refused(folder, B, B)
    assert f"write one of: {B} [classifier.epochs=9]; {B} [classifier.epochs=3]" in message
    found = compared(folder, f"{B} [classifier.epochs=9]", f"{B} [classifier.epochs=3]")
    assert found.folds["accuracy"].difference.mean > 0


def test_other_test_images_are_never_paired(write) -> None:
    write(None, 0.5)
    folder = write(right=0.7, change=lambda table: table.assign(path=table["path"].str.replace("-00", "-99")))
    assert f"{A} and {B} are never paired: in seed 42 fold 0 they were tested on other images" in refused(folder)


def test_other_labels_are_never_paired(write) -> None:
    write(None, 0.5)
    folder = write(right=0.7, change=lambda table: table.assign(label="EOS"))
    assert "labels differ" in refused(folder)


def test_other_numbers_of_synthetic_images_are_never_paired_where_each_divides_anew(write, make_values) -> None:
    protocol = {**make_values()["protocol"], "name": "cytodiff", "switches": {"pooled": True}}
    for fold in range(5):
        pooled = {"protocol": {**protocol, "fold": fold}}
        write(None, 0.5, folds=(fold,), **pooled)
        folder = write(right=0.7, folds=(fold,), **pooled)
    message = refused(folder)
    assert (
        "divides anew for each number of synthetic images, so that N = 20 and N = 0 have other test images" in message
    )


def test_equal_numbers_of_them_are_paired_on_the_real_images_alone(write, make_values) -> None:
    protocol = {**make_values()["protocol"], "name": "cytodiff", "switches": {"pooled": True}}
    for fold in range(5):
        pooled = {"protocol": {**protocol, "fold": fold}, "split": "test_real", "folds": (fold,)}
        write("repeat", 0.5, **pooled)
        folder = write(right=0.9, **pooled)
    found = compared(folder, A, "repeat/clip/s16/n20")
    assert (found.split, found.n_images) == ("test_real", 150)
    assert found.folds["f1_macro"].difference.excludes_zero


def test_rows_without_a_common_fold_are_never_paired(write) -> None:
    write(None, 0.5, folds=(0, 1))
    folder = write(right=0.7, folds=(3,))
    assert "no fold is finished in both (seed 42 fold 3 of the one, seed 42 fold 0, seed 42 fold 1" in refused(folder)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"preset": "paper"}, "preset (paper, pocket)"),
        ({"device": {"kind": "cuda", "name": "GPU", "driver": "1"}}, "device (GPU, Test CPU, 2 cores)"),
    ],
)
def test_rows_of_two_sections_are_never_paired_and_it_says_why(write, change, word: str) -> None:
    write(None, 0.5)
    assert word in refused(write(right=0.7, **change))


def test_other_data_are_never_paired(write, make_values) -> None:
    write(None, 0.5)
    dataset = {**make_values()["dataset"], "digest": "e" * 64}
    assert f"data ({'e' * 64}, {'d' * 64})" in refused(write(right=0.7, dataset=dataset))


def test_missing_and_damaged_predictions_are_named(write) -> None:
    write(None, 0.5)
    folder = write(right=0.7)
    file = sorted((folder / "predictions").iterdir())[0]
    file.write_bytes(file.read_bytes()[:-9])
    assert f"{file.name} of record" in refused(folder)
    file.unlink()
    assert f"{file.name} of record" in refused(folder) and "are missing" in refused(folder)
