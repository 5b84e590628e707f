"""Rows that folds cannot tell from the best one, and test images can."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cytobench.analysis.outcomes import Standing
from cytobench.analysis.results import read_results
from cytobench.metrics.statistics.images import accuracy, permutation_test, unit_counts
from cytobench.reporting.leaderboard import render

WRONG = {0: 8, 1: 4, 2: 0, 3: 1, 4: 0}
"""Mistakes in each fold of 30 images: 13 of 150 images, so uneven that folds show nothing."""


def mistaken(table: pd.DataFrame) -> pd.DataFrame:
    table = table.assign(predicted=table["label"])
    test = table.index[table["split"] == "test"]
    fold = int(table.loc[test[0], "path"].partition("test")[2][0])
    table.loc[test[: WRONG[fold]], "predicted"] = "LYA"
    return table


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(write):
    write(None, change=mistaken)
    return write(change=lambda table: table.assign(predicted=table["label"]))


def test_a_row_that_images_tell_from_the_best_one_is_not_called_alike(folder) -> None:
    board = read_results([folder]).board
    best, other = board.sections[0].rows
    assert (best.standing, other.standing) == (Standing.BEST, Standing.BELOW_OVER_IMAGES)
    for name in ("markdown", "html", "latex"):
        assert "below the best row over the test images, not distinguishable from it over folds" in render(board, name)
    assert r"$\approx$$\downarrow$" in render(board, "latex")
    rows = csv.DictReader(io.StringIO(render(board, "csv")))
    assert {row["standing"] for row in rows} == {"best", "below over images"}


def test_the_test_is_remembered(folder, monkeypatch) -> None:
    assert read_results([folder]).board.sections[0].rows[1].standing is Standing.BELOW_OVER_IMAGES

    def made_again(*arguments: object) -> None:
        raise AssertionError

    monkeypatch.setattr("cytobench.analysis.comparison.over_images.permutation_test", made_again)
    assert read_results([folder]).board.sections[0].rows[1].standing is Standing.BELOW_OVER_IMAGES


def test_rows_that_images_cannot_tell_apart_stay_alike(write) -> None:
    write(None, 0.71)
    board = read_results([write(right=0.7)]).board
    assert board.sections[0].rows[1].standing is Standing.ALIKE


def test_the_p_is_that_of_scipys_permutation_test() -> None:
    true = np.arange(40) % 4
    a = np.where(np.arange(40) < 9, (true + 1) % 4, true)
    b = np.where((np.arange(40) > 5) & (np.arange(40) < 9), (true + 1) % 4, true)
    units, seeds = np.arange(40), np.zeros(40, int)
    counts = [unit_counts(true, row, units, seeds, 4) for row in (a, b)]
    value, p = permutation_test(*counts, accuracy, np.random.default_rng(0))
    expected = stats.permutation_test(
        ((a == true).astype(float), (b == true).astype(float)),
        lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
        permutation_type="samples",
        n_resamples=4999,
        rng=np.random.default_rng(1),
    )
    assert value == pytest.approx(expected.statistic)
    assert p == pytest.approx(expected.pvalue, abs=0.01)
