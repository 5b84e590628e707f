"""Scores equal scikit-learn's, also in the corners."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from cytobench.errors import UserError
from cytobench.metrics.scoring import scores, scores_by_split

LABELS = ["a", "b", "c", "d"]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Float32 rows that sum to 1 but for rounding, as a network gives them."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float32)
    return powers / powers.sum(axis=1, keepdims=True)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(4, 40), st.sampled_from([1.0, 30.0]))
def test_equals_sklearn_where_all_classes_are_present(seed: int, n: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    true = np.array(LABELS)[np.concatenate([np.arange(4), rng.integers(0, 4, n)])]
    # The large scale saturates many probabilities at exactly 1, where ties must stay ties.
    probabilities = softmax(rng.normal(size=(len(true), 4)).astype(np.float32) * np.float32(scale))
    predicted = np.array(LABELS)[probabilities.argmax(axis=1)]

    scored = scores(LABELS, list(true), list(predicted), probabilities, LABELS).values

    assert scored["accuracy"] == accuracy_score(true, predicted)
    assert scored["f1_macro"] == pytest.approx(f1_score(true, predicted, average="macro", zero_division=0))
    expected = roc_auc_score(true, probabilities, multi_class="ovr", average="macro", labels=LABELS)
    assert scored["auc_macro"] == pytest.approx(expected, abs=1e-12)


def test_f1_counts_classes_that_are_neither_there_nor_predicted() -> None:
    scored = scores(LABELS, ["a", "b"], ["a", "b"], None, []).values
    assert scored == {"accuracy": 1.0, "f1_macro": 0.5, "auc_macro": None}


def test_auc_is_over_the_classes_present() -> None:
    probabilities = np.array([[0.6, 0.2, 0.1, 0.1], [0.5, 0.3, 0.1, 0.1], [0.1, 0.6, 0.2, 0.1]])
    scored = scores(LABELS, ["a", "b", "b"], ["a", "a", "b"], probabilities, LABELS).values
    a = roc_auc_score([1, 0, 0], probabilities[:, 0])
    b = roc_auc_score([0, 1, 1], probabilities[:, 1])
    assert scored["auc_macro"] == pytest.approx((a + b) / 2)


def test_auc_is_null_with_one_class() -> None:
    assert scores(LABELS, ["a", "a"], ["a", "b"], np.full((2, 4), 0.25), LABELS).values["auc_macro"] is None


def test_rows_need_not_sum_to_one() -> None:
    half = np.array([[0.7, 0.2], [0.3, 0.7], [0.4, 0.599]], dtype=np.float16)
    assert scores(["a", "b"], ["a", "b", "b"], ["a", "b", "b"], half, ["a", "b"]).values["auc_macro"] == 1.0


def test_a_train_only_class_may_be_predicted_and_is_wrong() -> None:
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7]])
    scored = scores(["a", "b"], ["a", "b"], ["a", "rare"], probabilities, ["a", "b", "rare"]).values
    assert scored == {"accuracy": 0.5, "f1_macro": 0.5, "auc_macro": 1.0}


@pytest.mark.parametrize(
    ("true", "probabilities", "columns", "message"),
    [
        ([], None, [], "no predictions"),
        (["a", "x"], None, [], "label x is not among"),
        (["a", "b"], np.ones((2, 1)), ["a"], "no probabilities p_b"),
        (["a", "b"], np.array([[np.nan, 1], [0, 1]]), ["a", "b"], "no finite number"),
    ],
)
def test_what_cannot_be_scored_is_refused(true, probabilities, columns, message) -> None:
    with pytest.raises(UserError, match=message):
        scores(["a", "b"], true, ["a"] * len(true), probabilities, columns)


def test_each_split_has_its_own_scores() -> None:
    table = pd.DataFrame(
        {"split": ["validation", "test", "test"], "label": ["a", "a", "b"], "predicted": ["b", "a", "b"]}
    )
    scored = scores_by_split(table, ["a", "b"])
    assert scored["validation"]["accuracy"] == 0.0
    assert scored["test"]["f1_macro"] == 1.0
