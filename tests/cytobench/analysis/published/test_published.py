"""The study's figures: read whole, in agreement with each other, and what among them cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from cytobench.analysis.published import FIGURES, STUDY_COUNTS, published_matrix, published_rows
from cytobench.analysis.published.study import published_row
from cytobench.errors import UserError

PADDED = {"Smudge cell": 16, "Atypical Lymphocyte": 16, "Metamyelocyte": 16}
"""The study's table had one, five and one rows more than TCIA has images."""


def test_every_row_of_the_three_tables_is_there_once() -> None:
    rows = published_rows()
    counts = [0, *range(100, 1001, 100), 2000, 3000, 4000, 5000]
    wanted = {"S1": [3000, 3000], "S2": [None, *counts], "S3": counts}
    assert {table: [row.n for row in rows if row.table == table] for table in wanted} == wanted
    cells = {(split, metric) for split in ("validation", "test") for metric in ("accuracy", "f1_macro", "auc_macro")}
    assert all(set(row.aggregates) == cells for row in rows)
    assert all(0 <= (figure.mean or 0) <= 1 for row in rows for figure in row.aggregates.values())


@pytest.mark.parametrize("name", FIGURES)
def test_the_published_matrices_give_the_published_figures_to_rounding(name: str) -> None:
    """Which figure is of which classifier and N: no other row of the tables has these two figures with the same N."""
    matrix, row = published_matrix(name), published_row(name)
    accuracy, f1 = row.aggregates["test", "accuracy"].mean, row.aggregates["test", "f1_macro"].mean
    assert (round(matrix.accuracy, 2), round(matrix.f1_macro, 2)) == (accuracy, f1)
    same_n = [other for other in published_rows() if other.n == row.n and not other.synthetic_only]
    fitting = [other for other in same_n if round(matrix.accuracy, 2) == other.aggregates["test", "accuracy"].mean]
    assert fitting == [row]


@pytest.mark.parametrize("name", FIGURES)
def test_the_published_matrices_hold_the_studys_images(name: str) -> None:
    matrix = published_matrix(name)
    assert matrix.true == matrix.predicted == tuple(STUDY_COUNTS)
    wanted = {label: number + FIGURES[name].n for label, number in {**STUDY_COUNTS, **PADDED}.items()}
    assert dict(zip(matrix.true, matrix.counts.sum(axis=1).tolist(), strict=True)) == wanted


def test_the_figures_of_a_matrix_are_those_of_scikit_learn_on_its_images() -> None:
    matrix = published_matrix("s3")
    places = np.indices(matrix.counts.shape).reshape(2, -1)
    true, predicted = (np.repeat(one, matrix.counts.ravel()) for one in places)
    assert matrix.f1_macro == pytest.approx(f1_score(true, predicted, average="macro", zero_division=0), abs=1e-12)
    assert matrix.accuracy == pytest.approx((true == predicted).mean(), abs=1e-12)


def test_the_published_random_row_cannot_come_from_the_real_data() -> None:
    def uniform(synthetic: int) -> float:
        """Macro F1 of uniform guesses: a class of n images among m is right n / 15 times and guessed m / 15 times."""
        counts = np.array(list(STUDY_COUNTS.values())) + synthetic
        return float(np.mean(2 * counts / 15 / (counts + counts.sum() / 15)))

    assert sum(STUDY_COUNTS.values()) == 18_365
    assert uniform(0) == pytest.approx(0.03, abs=0.005)
    assert uniform(5000) == pytest.approx(0.065, abs=0.002)
    random = next(row for row in published_rows() if row.n is None)
    assert random.aggregates["test", "f1_macro"].mean == 0.07
    rng = np.random.default_rng(0)
    true = np.repeat(np.arange(15), list(STUDY_COUNTS.values()))
    guessed = [f1_score(true, rng.integers(0, 15, len(true)), average="macro", zero_division=0) for _ in range(20)]
    assert np.mean(guessed) == pytest.approx(uniform(0), abs=0.002) and max(guessed) < 0.04


@pytest.mark.parametrize("name", ["s5", "", "../s3", "figure"])
def test_another_figure_is_refused_with_those_that_are_there(name: str) -> None:
    with pytest.raises(UserError, match="s3, s4, s9, s10"):
        published_matrix(name)
