"""The line of the majority class: by formulas for the study's metrics, else as if every image were guessed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from cytobench.analysis.leaderboard.majority import majority
from cytobench.metrics.built_in import BUILT_IN, STUDY
from cytobench.storage.records import Record


def test_other_metrics_are_those_of_a_guess_for_each_image(make_record: Callable[..., Record]) -> None:
    again = [replace(BUILT_IN[name], name=f"my_{name}") for name in ("accuracy", "f1_macro")]
    more = [BUILT_IN[name] for name in ("balanced_accuracy", "mcc", "f1_weighted", "log_loss")]
    recall = [replace(BUILT_IN["recall"], name=f"recall:{label}", label=label) for label in ("EOS", "BAS")]
    scored = majority([make_record()], ["test"], [*STUDY, *again, *more, *recall])
    means = {name: aggregate.mean for (_, name), aggregate in scored.items()}
    assert (means["my_accuracy"], means["accuracy"]) == (0.6, 0.6)
    assert means["my_f1_macro"] == pytest.approx(means["f1_macro"])
    assert means["balanced_accuracy"] == pytest.approx(1 / 3)
    assert means["f1_weighted"] == pytest.approx(0.6 * 0.75)
    assert (means["mcc"], means["recall:EOS"], means["recall:BAS"]) == (0, 1, 0)
    assert means["auc_macro"] == 0.5 and "log_loss" not in means
