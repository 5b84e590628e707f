"""Comparisons in a metric that tables do not show, and in which lower is better."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from cytobench.analysis.comparison.headline import declared_family
from cytobench.analysis.comparison.pair import compare
from cytobench.analysis.outcomes import Outcome
from cytobench.analysis.results import read_candidates
from cytobench.reporting.comparison.family import family_lines
from cytobench.reporting.comparison.pair import comparison_lines


def sure(confidence: float, table: pd.DataFrame) -> pd.DataFrame:
    """Predictions whose probability is this."""
    rest = (1 - confidence) / 2
    return table.assign(
        **{f"p_{label}": np.where(table["predicted"] == label, confidence, rest) for label in ("BAS", "EOS", "LYA")}
    )


@pytest.fixture
def section(write):
    """Two rows whose errors differ, by a benchmark whose metric is one of them; N = 50 has the least on validation."""
    # About two of three are right, so that a confidence of 0.7 errs least.
    rows = [(None, 0, 0.99), ("sd21-lora", 20, 0.85), ("sd21-lora", 50, 0.7)]
    for generator, n, confidence in rows:
        folder = write(generator, 0.5, n=n, change=partial(sure, confidence), analysis={"metric": "ece"})
    (section,) = read_candidates([folder])
    return section


def test_less_error_is_a_gain_and_chosen_on_validation(section) -> None:
    family = declared_family(section)
    (headline,) = family.headline
    assert (headline.pair.row.row.n_synthetic, headline.pair.conclusion.outcome) == (50, Outcome.GAIN)
    assert headline.cost.gain.mean < 0 and headline.cost.metric.name == "ece"
    text = "\n".join(family_lines(family))
    assert "Declared: test ECE; rows compared with their reference: 2" in text
    assert "gain over the reference (N = 50, chosen among 20, 50)" in text


def test_the_declared_metric_stands_among_those_shown(section) -> None:
    rows = {candidate.row.n_synthetic: candidate for candidate in section}
    comparison = compare(rows[50], rows[0], section)
    assert list(comparison.folds) == ["accuracy", "f1_macro", "auc_macro", "ece"]
    lines = comparison_lines(comparison)
    assert any(line.startswith("ECE *") for line in lines)
    assert "Gain and cost: ECE -0.2" in "\n".join(lines)
