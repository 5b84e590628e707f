"""The built-in metrics equal scikit-learn's or a calculation by hand; one that fails is named and spoils nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, matthews_corrcoef, recall_score

from cytobench.metrics.built_in import BUILT_IN, OF_ALL_CLASSES, SPECS, STUDY
from cytobench.metrics.metric import Metric
from cytobench.metrics.scoring import Scores, scores

LABELS = ["a", "b", "c", "d"]


def of_class(name: str, label: str) -> Metric:
    return replace(BUILT_IN[name], name=f"{name}:{label}", label=label)


def failing(function: Callable[..., Any], name: str = "odd") -> Metric:
    return Metric(name, replace(BUILT_IN["accuracy"].spec, name=name), lambda: function)


def score(true: str, predicted: str, *metrics: Metric, probabilities: Any = None, columns: Any = None) -> Scores:
    """Of labels that are single letters."""
    table = None if probabilities is None else np.asarray(probabilities, dtype=float)
    return scores(LABELS, list(true), list(predicted), table, columns or LABELS if table is not None else [], metrics)


def test_they_equal_sklearn() -> None:
    rng = np.random.default_rng(0)
    true = np.array(LABELS)[np.concatenate([np.arange(4), rng.integers(0, 4, 60)])]
    probabilities = rng.dirichlet(np.ones(4), len(true)).astype(np.float32)
    predicted = np.array(LABELS)[probabilities.argmax(axis=1)]
    scored = scores(LABELS, list(true), list(predicted), probabilities, LABELS, OF_ALL_CLASSES).values
    assert scored["balanced_accuracy"] == balanced_accuracy_score(true, predicted)
    assert scored["mcc"] == pytest.approx(matthews_corrcoef(true, predicted))
    assert scored["f1_weighted"] == pytest.approx(f1_score(true, predicted, average="weighted"))
    assert scored["log_loss"] == pytest.approx(log_loss(true, probabilities.astype(float), labels=LABELS))
    assert list(scored) == [metric.name for metric in OF_ALL_CLASSES]


def test_calibration_error_by_hand() -> None:
    """Bins are (lo, hi] of width 1/15: 0.6 is the end of the ninth bin, and 0.61 and 0.65 are in the tenth."""
    probabilities = [
        [0.6, 0.4, 0, 0],  # right: bin 9, confidence 0.6, accuracy 1
        [0.61, 0.39, 0, 0],  # wrong
        [0.65, 0.35, 0, 0],  # right: bin 10, mean confidence 0.63, accuracy 0.5
        [0.2, 0.2, 0.3, 0.3],  # right: bin 5 (of equal ones the first counts)
    ]
    scored = score("abac", "aaac", BUILT_IN["ece"], probabilities=probabilities).values
    assert scored["ece"] == pytest.approx((1 * abs(1 - 0.6) + 2 * abs(0.5 - 0.63) + 1 * abs(1 - 0.3)) / 4)


@pytest.mark.parametrize(("probability", "expected"), [(0.0, 1.0), (1.0, 0.0)])
def test_calibration_error_at_the_ends(probability: float, expected: float) -> None:
    rows = [[probability, 0, 0, 0]] * 3
    assert score("aaa", "aaa", BUILT_IN["ece"], probabilities=rows).values["ece"] == expected


def test_log_loss_by_hand_with_a_class_that_trains_alone() -> None:
    probabilities = [[0.5, 0.2, 0, 0, 0.3], [0.1, 0.6, 0.1, 0.1, 0.1]]
    scored = score("ab", "ab", BUILT_IN["log_loss"], probabilities=probabilities, columns=[*LABELS, "rare"]).values
    assert scored["log_loss"] == pytest.approx(-(math.log(0.5) + math.log(0.6)) / 2)


def test_a_constant_guess_has_a_correlation_of_zero() -> None:
    assert score("aab", "aaa", BUILT_IN["mcc"]).values["mcc"] == 0


def test_metrics_of_one_class() -> None:
    wanted = [of_class(name, label) for name in ("recall", "precision", "f1") for label in "abc"]
    scored = score("aaab", "abbc", *wanted).values
    assert scored["recall:a"] == recall_score([1, 1, 1, 0], [1, 0, 0, 0]) == pytest.approx(1 / 3)
    assert (scored["precision:a"], scored["f1:a"]) == (1, 0.5)
    assert (scored["recall:b"], scored["precision:b"], scored["f1:b"]) == (0, 0, 0)
    assert scored["recall:c"] is scored["precision:c"] is scored["f1:c"] is None, "no image of it is there"


def test_a_class_that_is_never_predicted_has_a_precision_of_zero() -> None:
    assert score("ab", "aa", of_class("precision", "b")).values == {"precision:b": 0}


def test_a_class_that_does_not_count_has_no_value() -> None:
    assert score("ab", "ab", of_class("recall", "rare")) == Scores({"recall:rare": None}, {})


def test_without_probabilities_there_is_nothing_to_compute_from_and_nothing_failed() -> None:
    scored = score("ab", "ab", BUILT_IN["ece"], BUILT_IN["accuracy"])
    assert scored == Scores({"ece": None, "accuracy": 1}, {})


def raises(*_: Any) -> float:
    raise ValueError("no luck\nmore")


def writes(true: Any, predicted: Any, labels: Any) -> float:
    predicted[:] = true
    return 1.0


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (raises, "raised ValueError: no luck"),
        (lambda *_: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (lambda *_: exec("import sys; sys.exit(3)"), "raised SystemExit: 3"),
        (lambda *_: math.nan, "gave nan"),
        (lambda *_: -math.inf, "gave -inf"),
        (lambda *_: "good", "gave 'good'"),
        (lambda *_: np.array([1.0, 2.0]), "gave array([1., 2.])"),
        (writes, "raised ValueError: assignment destination is read-only"),
    ],
)
def test_a_metric_that_fails_is_named_and_spoils_nothing(function: Callable[..., Any], why: str) -> None:
    scored = score("aab", "abb", failing(function), *STUDY)
    assert scored.failed == {"odd": why}
    assert scored.values["odd"] is None and scored.values["accuracy"] == pytest.approx(2 / 3)


def test_a_metric_may_say_that_there_is_no_value() -> None:
    assert score("ab", "ab", failing(lambda *_: None)) == Scores({"odd": None}, {})


def test_a_metric_is_imported_where_it_is_used_and_may_fail_there() -> None:
    def missing() -> Any:
        raise ModuleNotFoundError("No module named 'torchmetrics'")

    odd = replace(failing(raises), load=missing)
    assert score("ab", "ab", odd).failed == {"odd": "raised ModuleNotFoundError: No module named 'torchmetrics'"}


def test_of_several_classes_the_function_is_called_once() -> None:
    calls = []

    def each(true: Any, predicted: Any, labels: tuple[str, ...]) -> Any:
        calls.append(labels)
        return np.array([0.1, 0.2, np.nan, np.inf])

    spec = replace(BUILT_IN["recall"].spec, name="odd")
    wanted = [Metric(f"odd:{label}", spec, lambda: each, label) for label in LABELS]
    scored = score("ab", "ab", *wanted)
    assert calls == [("a", "b", "c", "d")]
    assert scored.values == {"odd:a": 0.1, "odd:b": 0.2, "odd:c": None, "odd:d": None}
    assert scored.failed == {"odd:d": "gave inf"}


def test_titles_are_those_of_tables() -> None:
    assert [metric.title for metric in STUDY] == ["accuracy", "macro F1", "AUC"]
    assert of_class("recall", "EOS").title == "recall of EOS"
    assert {spec.name for spec in SPECS if not spec.higher_is_better} == {"ece", "log_loss"}
