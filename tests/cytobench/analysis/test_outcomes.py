"""What a difference shows is a value with a reason; words are made from it in one place and never read again."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from cytobench.analysis.comparison.cost import GainAndCost
from cytobench.analysis.outcomes import Cause, Conclusion, Outcome, Reason, Standing, conclude, standing
from cytobench.metrics.built_in import BUILT_IN
from cytobench.metrics.statistics.folds import NoInterval, fold_difference
from cytobench.reporting.outcomes import against_text, gain_and_cost_text, gain_text, outcome_text, priced_text

F1_MACRO = BUILT_IN["f1_macro"]
CORE = Path(__file__).parents[3] / "cytobench"
GAIN = fold_difference({1: [0.05, 0.06, 0.04, 0.05, 0.05]}, 1 / 3)
NOTHING = fold_difference({1: [0.05, -0.06, 0.04, -0.05, 0.05]}, 1 / 3)
LOSS = fold_difference({1: [-0.05, -0.06, -0.04, -0.05, -0.05]}, 1 / 3)
ONE_FOLD = fold_difference({1: [0.1]}, 1 / 3)
SEEN = Reason(Cause.MAY_HAVE_SEEN, "folder/clip/s16/n20")


@pytest.mark.parametrize(
    ("difference", "obstacle", "p_family", "outcome", "cause"),
    [
        (GAIN, None, None, Outcome.GAIN, Cause.INTERVAL),
        (GAIN, None, 0.01, Outcome.GAIN, Cause.INTERVAL),
        (LOSS, None, 0.01, Outcome.LOSS, Cause.INTERVAL),
        (NOTHING, None, None, Outcome.NO_DIFFERENCE, Cause.INTERVAL),
        (GAIN, None, 0.05, Outcome.NO_DIFFERENCE, Cause.FAMILY),
        (LOSS, None, 0.4, Outcome.NO_DIFFERENCE, Cause.FAMILY),
        (ONE_FOLD, None, None, Outcome.NOT_KNOWN, NoInterval.ONE_FOLD),
        (fold_difference({1: [0.1, 0.1]}, 1 / 3), None, None, Outcome.NOT_KNOWN, NoInterval.NO_SPREAD),
        (GAIN, SEEN, 0.01, Outcome.NOT_KNOWN, Cause.MAY_HAVE_SEEN),
        (None, Reason(Cause.NO_COUNTS), None, Outcome.NOT_KNOWN, Cause.NO_COUNTS),
    ],
)
def test_an_outcome_is_decided_with_its_reason(difference, obstacle, p_family, outcome, cause) -> None:
    conclusion = conclude(difference, F1_MACRO, obstacle, p_family)
    assert (conclusion.outcome, conclusion.reason.cause) == (outcome, cause)


def test_where_lower_is_better_a_gain_goes_down() -> None:
    error = BUILT_IN["ece"]
    conclusion = conclude(LOSS, error, None)
    assert conclusion.outcome is Outcome.GAIN
    assert conclude(GAIN, error, None).outcome is Outcome.LOSS
    assert GainAndCost(LOSS, error, conclusion, 2.0).hours_per_step == pytest.approx(2 / 5)


def test_without_a_difference_there_is_a_reason() -> None:
    with pytest.raises(ValueError, match="neither"):
        conclude(None, F1_MACRO, None)


def test_only_a_loss_sets_a_row_below_the_best() -> None:
    standings = [standing(Conclusion(outcome, Reason(Cause.INTERVAL))) for outcome in Outcome]
    assert standings == [Standing.ALIKE, Standing.BELOW, Standing.ALIKE, Standing.UNKNOWN]


@pytest.mark.parametrize(
    ("conclusion", "hours", "words"),
    [
        (conclude(GAIN, F1_MACRO, None), 2.0, "gain"),
        (conclude(GAIN, F1_MACRO, None), None, "gain"),
        (conclude(GAIN, F1_MACRO, None), 0.0, "gain, at no extra cost"),
        (conclude(LOSS, F1_MACRO, None), -1.0, "loss"),
        (conclude(NOTHING, F1_MACRO, None), -1.0, "no difference shown"),
        (conclude(GAIN, F1_MACRO, None, 0.4), 2.0, "no difference shown, adjusted for the declared family"),
        (conclude(ONE_FOLD, F1_MACRO, None), 2.0, "not known (one fold: there is no interval over folds)"),
        (conclude(GAIN, F1_MACRO, SEEN), 2.0, "not known (folder/clip/s16/n20 may have seen the test images)"),
        (conclude(None, F1_MACRO, Reason(Cause.NO_VALUE, "f1")), 2.0, "not known (f1 is null in every fold)"),
    ],
)
def test_each_outcome_has_its_words(conclusion: Conclusion, hours: float | None, words: str) -> None:
    cost = GainAndCost(GAIN, F1_MACRO, conclusion, hours)
    assert gain_text(cost) == words
    assert (cost.hours_per_step is not None) == (words == "gain" and hours is not None)


def test_a_gain_is_priced_for_each_hundredth() -> None:
    cost = GainAndCost(GAIN, F1_MACRO, conclude(GAIN, F1_MACRO, None), 2.0)
    assert cost.hours_per_step == pytest.approx(2 / 5)
    assert priced_text(cost) == "gain, 24.0 min for each +0.01"
    assert gain_and_cost_text(cost, "GPU").endswith("for 2.0 h more of GPU: gain, 24.0 min for each +0.01")
    unknown = GainAndCost(GAIN, F1_MACRO, conclude(GAIN, F1_MACRO, None), None)
    assert "gain; the cost is not known" in gain_and_cost_text(unknown, "GPU")


def test_the_four_words_are_in_every_text_of_an_outcome() -> None:
    for difference, obstacle in ((GAIN, None), (LOSS, None), (NOTHING, None), (GAIN, SEEN)):
        conclusion = conclude(difference, F1_MACRO, obstacle)
        assert outcome_text(conclusion).split(" (")[0] == conclusion.outcome
        assert against_text(conclusion, "B").startswith(conclusion.outcome)


def test_no_module_asks_how_a_sentence_of_outcomes_reads() -> None:
    """No text of an outcome is compared with, or searched for, in the code: what is asked is the value."""
    words = ("gain", "loss", "no difference shown", "no gain", "not known", "better", "worse", "adjusted for")
    asked = []
    for file in (file for folder in ("analysis", "reporting") for file in (CORE / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            operands: list[ast.expr] = []
            if isinstance(node, ast.Compare):
                operands = [node.left, *node.comparators]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                operands = node.args if node.func.attr in ("startswith", "endswith", "find", "count") else []
            texts = [one.value for one in operands if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            asked += [(file.name, node.lineno, text) for text in texts if any(word in text for word in words)]
    assert asked == []
