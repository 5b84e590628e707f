"""The declared family: which rows, against which reference, and which N is in the headline."""

from __future__ import annotations

import pytest

from cytobench.analysis.comparison.candidates import declared_analysis
from cytobench.analysis.comparison.declared import Named, baselines, check_declaration, compared_with_baselines, family
from cytobench.analysis.comparison.headline import declared_pairs
from cytobench.analysis.comparison.pair import compare
from cytobench.analysis.outcomes import Cause, Outcome, Reason
from cytobench.analysis.results import read_candidates
from cytobench.config.benchmark import Analysis
from cytobench.errors import UserError
from cytobench.metrics.statistics.holm import holm

ROWS = [
    Named("none/clip/s0/n0", "clip", "clip", 0),
    Named("none/timm:a/b/s0/n0", "timm:a/b", "timm", 0),
    Named("sd21-lora/clip/s16/n20", "clip", "clip", 20),
    Named("sd21-lora/timm:a/b/s16/n20", "timm:a/b", "timm", 20),
    Named("repeat/clip/s16/n20", "clip", "clip", 20),
]


def named(pairs):
    return [(ROWS[place].row, ROWS[reference].row) for place, reference in pairs]


def test_by_default_every_row_is_compared_with_n_0_of_its_classifier() -> None:
    assert named(family(Analysis(), ROWS)) == [
        ("sd21-lora/clip/s16/n20", "none/clip/s0/n0"),
        ("sd21-lora/timm:a/b/s16/n20", "none/timm:a/b/s0/n0"),
        ("repeat/clip/s16/n20", "none/clip/s0/n0"),
    ]
    assert family(Analysis(), ROWS[2:]) == []


def test_one_row_may_be_the_reference_of_all_that_a_pattern_fits() -> None:
    analysis = Analysis(reference="none/clip/s0/n0", comparisons=("sd21-lora/*",))
    assert named(family(analysis, ROWS)) == [
        ("sd21-lora/clip/s16/n20", "none/clip/s0/n0"),
        ("sd21-lora/timm:a/b/s16/n20", "none/clip/s0/n0"),
    ]


@pytest.mark.parametrize(
    ("analysis", "words"),
    [
        ({"reference": "none/clp/s0/n0"}, ["analysis.reference", "Did you mean none/clip/s0/n0?"]),
        ({"comparisons": ("sd21-lora/clip/s16/n2",)}, ["analysis.comparisons", "Did you mean sd21-lora/clip/s16/n20?"]),
        ({"comparisons": ("*", "folder/*")}, ["'folder/*' fits no row"]),
        ({"reference": "[ns]*/clip/*", "comparisons": ("repeat/*",)}, ["fits several rows for repeat/", "Name one"]),
        ({"reference": "*/timm*", "comparisons": ("repeat/*",)}, ["names repeat/clip/s16/n20", "fits no row of its"]),
        ({"baselines": ("none/*", "repeat/clip/s16/n2")}, ["analysis.baselines", "Did you mean repeat/clip/s16/n20?"]),
        ({"baselines": ("repeat/*",)}, ["names sd21-lora/timm:a/b/s16/n20", "of its classifier's plugin timm."]),
        ({"baselines": ("*",)}, ["analysis.baselines = ['*'] leaves no row", "Name fewer baselines"]),
        ({"baselines": ("none/*",), "comparisons": ("none/*",)}, ["leaves no row of analysis.comparisons"]),
    ],
)
def test_a_declaration_that_fits_no_row_is_refused(analysis, words: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        check_declaration(Analysis(**analysis), ROWS, "mine.toml")
    for word in words:
        assert word in str(refused.value)


def test_rows_compared_with_baselines_have_synthetic_images_and_are_none_themselves() -> None:
    analysis = Analysis(baselines=("none/*", "repeat/*"))
    assert [ROWS[place].row for place in baselines(analysis, ROWS)] == [
        "none/clip/s0/n0", "none/timm:a/b/s0/n0", "repeat/clip/s16/n20"
    ]  # fmt: skip
    assert [ROWS[place].row for place in compared_with_baselines(analysis, ROWS)] == [
        "sd21-lora/clip/s16/n20", "sd21-lora/timm:a/b/s16/n20"
    ]  # fmt: skip
    assert compared_with_baselines(Analysis(), ROWS) == []
    check_declaration(analysis, ROWS, "mine.toml")


def only_section(folder):
    (section,) = read_candidates([folder])
    return section


def test_the_n_with_the_best_validation_is_the_headline_whatever_its_test(write) -> None:
    write(None, 0.5)
    write("sd21-lora", 0.7, n=20)

    def worse_on_test(table):
        return table.assign(predicted=table["predicted"].where(table["split"] == "validation", "BAS"))

    folder = write("sd21-lora", 0.9, n=100, change=worse_on_test)
    pairs = declared_pairs(only_section(folder), Analysis())
    assert {pair.row.row.n_synthetic: pair.chosen for pair in pairs} == {20: False, 100: True}
    assert all(pair.reference.row.generator == "none" for pair in pairs)


def test_an_incomplete_n_is_not_chosen(write) -> None:
    write(None, 0.5)
    write("sd21-lora", 0.6, n=20)
    folder = write("sd21-lora", 0.9, n=100, folds=[0, 1])
    pairs = declared_pairs(only_section(folder), Analysis())
    assert {pair.row.row.n_synthetic: pair.chosen for pair in pairs} == {20: True, 100: False}


def test_p_is_adjusted_for_the_declared_family_alone(write) -> None:
    write(None, 0.5)
    for generator, right in (("repeat", 0.8), ("sd21", 0.55), ("sd21-lora", 0.7)):
        folder = write(generator, right)
    section = only_section(folder)
    pairs = declared_pairs(section, Analysis())
    raw = [pair.difference.p for pair in pairs]
    assert [pair.p_holm for pair in pairs] == pytest.approx(holm(raw))
    assert {pair.family for pair in pairs} == {3}
    (one,) = declared_pairs(section, Analysis(comparisons=("repeat/*",)))
    assert one.p_holm == pytest.approx(one.difference.p)
    assert one.conclusion.outcome is Outcome.GAIN


def test_rows_that_train_on_synthetic_images_alone_get_a_verdict(write) -> None:
    """As of ``table-s1-strict``: tuned images against as many copies of the shots, where no real image trains."""
    test = {"BAS": 6, "EOS": 18, "LYA": 6}
    alone = {"name": "strict+synthetic_only", "version": 1, "switches": {"synthetic_only": True}, "folds": 5}
    for fold in range(5):
        for generator, right in (("repeat", 0.3), ("sd21-lora", 0.9)):
            folder = write(
                generator, right, folds=[fold], n=40, splits={"train": {}, "test": test},
                protocol={**alone, "fold": fold},
            )  # fmt: skip
    section = only_section(folder)
    analysis = Analysis(reference="repeat/*/s16/n*", comparisons=("sd21-lora/*",))
    (pair,) = declared_pairs(section, analysis)
    assert pair.conclusion.outcome is Outcome.GAIN
    found = compare(pair.row, pair.reference, section)
    assert found.ratio == 30 / 120  # 30 real images tested, 3 classes of 40 trained on


def test_rows_that_may_have_seen_the_test_images_get_no_verdict(write) -> None:
    write(None, 0.5)
    folder = write("folder", 0.95, made_elsewhere="undeclared")
    (pair,) = declared_pairs(only_section(folder), Analysis())
    assert (pair.conclusion.outcome, pair.p_holm, pair.family) == (Outcome.NOT_KNOWN, None, 1)
    assert pair.conclusion.reason == Reason(Cause.MAY_HAVE_SEEN, "folder/clip/s16/n20")


def test_the_earliest_declaration_counts_and_a_later_one_is_named(write) -> None:
    benchmark = {"dataset": "cells", "folds": 5, "fold": [0, 1, 2, 3, 4]}
    write(None, 0.5, benchmark={**benchmark, "analysis": {"metric": "accuracy"}})
    late = {**benchmark, "analysis": {"metric": "auc_macro"}}
    folder = write("repeat", 0.6, benchmark=late, started="2026-02-01T00:00:00+00:00")
    analysis, words = declared_analysis(only_section(folder))
    assert analysis.metric == "accuracy"
    assert words.startswith("5 of 10 records declare another analysis, after the fact")
