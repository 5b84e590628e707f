"""What may be ranked together, how, and what a table must say."""

from __future__ import annotations

import statistics

import pytest
from sklearn.metrics import accuracy_score, f1_score

from cytobench.analysis.leaderboard import leaderboard
from cytobench.reporting.leaderboard import render
from cytobench.storage.records import Record

FOLDS = range(5)


def only_section(records):
    (section,) = leaderboard(records).sections
    return section


def test_mean_and_sample_sd_over_folds(make_record) -> None:
    values = [0.1, 0.4, 0.2, 0.6, 0.5]
    section = only_section([make_record(fold, f1=value) for fold, value in enumerate(values)])
    figure = section.rows[0].aggregates["test", "f1_macro"]
    assert figure.mean == pytest.approx(statistics.mean(values))
    assert figure.std == pytest.approx(statistics.stdev(values))
    assert figure.folds == 5


def repeated(make_record, f1: dict[tuple[int, int], float], repeats: int = 2):
    declared = {"dataset": "cells", "folds": 5, "fold": [0, 1, 2], "seed": 42, "repeats": repeats}
    return [make_record(fold, f1=value, seed=seed, benchmark=declared) for (seed, fold), value in f1.items()]


def test_repeats_separate_the_spread_over_folds_from_that_over_seeds(make_record) -> None:
    values = {(42, 0): 0.1, (42, 1): 0.2, (42, 2): 0.3, (43, 0): 0.5, (43, 1): 0.9, (43, 2): 0.7}
    section = only_section(repeated(make_record, values))
    [row] = section.rows
    figure = row.aggregates["test", "f1_macro"]
    assert (figure.mean, figure.folds, figure.seeds) == (pytest.approx(0.45), 3, 2)
    within = [statistics.variance([0.1, 0.2, 0.3]), statistics.variance([0.5, 0.9, 0.7])]
    assert figure.std == pytest.approx((sum(within) / 2) ** 0.5)
    assert figure.std_seeds == pytest.approx(statistics.stdev([0.2, 0.7]))
    assert row.complete and row.rank == 1
    assert "seeds 42, 43" in section.notes[0]
    records = repeated(make_record, values)
    for name in ("table", "markdown", "html"):
        assert "0.450±0.158 (0.354)" in render(leaderboard(records), name).replace("\\", "")


def test_a_repeat_that_lacks_a_fold_is_named(make_record) -> None:
    values = {(42, 0): 0.1, (42, 1): 0.2, (42, 2): 0.3, (43, 0): 0.5, (43, 2): 0.7}
    [row] = only_section(repeated(make_record, values)).rows
    assert (row.missing, row.rank) == (((43, 1),), None)
    assert "seed 43 fold 1 missing" in render(leaderboard(repeated(make_record, values)), "table")


def test_a_row_whose_score_is_missing_in_a_fold_is_not_ranked_by_the_others(make_record) -> None:
    """A metric that fails where a row is worst would lift its mean."""
    records = [make_record(fold, f1=0.2 if fold == 1 else 0.8) for fold in FOLDS]
    records += [make_record(fold, f1=0.75, generator="sd21") for fold in FOLDS]
    assert only_section(records).rows[0].rank == 1
    values = records[1].model_dump(mode="json")
    values["scores"]["test"]["f1_macro"] = None
    values["metrics_failed"] = {"test": {"f1_macro": "raised MemoryError"}}
    records[1] = Record.model_validate(values)
    first, last = only_section(records).rows
    assert (first.generator, first.rank, last.rank, last.gaps) == ("sd21", 1, None, ((42, 1),))
    for name in ("table", "markdown", "html"):
        text = " ".join(render(leaderboard(records), name).split())
        assert "NOT RANKED: the score that ranks is missing in fold 1" in text


@pytest.mark.parametrize("grouped", ["images only", "grouped by patient (12)"])
@pytest.mark.parametrize("pooled", [False, True])
def test_every_table_says_what_a_leak_was_checked_on(make_record, make_values, grouped: str, pooled: bool) -> None:
    values = make_values()
    switches = {**values["protocol"]["switches"], "pooled": pooled}
    parts = {
        "dataset": {**values["dataset"], "grouped": grouped},
        "protocol": {**values["protocol"], "switches": switches},
    }
    board = leaderboard([make_record(**parts)])
    for name in ("table", "markdown", "latex", "html", "json", "csv"):
        assert grouped in render(board, name).replace("\\", "")


def test_one_seed_says_that_it_is_one(make_record) -> None:
    section = only_section([make_record(fold) for fold in FOLDS])
    assert "seed 42 alone, so how much another seed would change is not known" in section.notes[0]


def test_one_fold_has_no_sd(make_record) -> None:
    section = only_section([make_record(0, benchmark={"fold": [0]})])
    assert section.rows[0].aggregates["test", "f1_macro"].std is None
    assert section.rows[0].rank == 1


def test_a_null_auc_is_left_out_of_the_mean(make_record) -> None:
    records = [make_record(fold, benchmark={"fold": [0, 1]}) for fold in (0, 1)]
    scores = {"test": {"accuracy": 0.5, "f1_macro": 0.5, "auc_macro": None}}
    figure = only_section([records[0], make_record(1, scores=scores, benchmark={"fold": [0, 1]})])
    assert figure.rows[0].aggregates["test", "auc_macro"].folds == 1


@pytest.mark.parametrize(
    "change",
    [
        {"preset": "paper"},
        {"seed": 7},
        {"dtype": "float16"},
        {"train_only": ["LYA"]},
        {"device": {"kind": "cuda", "name": "GPU", "driver": "1"}},
    ],
)
def test_what_differs_is_never_in_one_ranking(make_record, change) -> None:
    board = leaderboard([make_record(generator="a"), make_record(generator="b", **change)])
    assert [len(section.rows) for section in board.sections] == [1, 1]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("dataset", {"digest": "e" * 64}),
        ("dataset", {"limit": 10}),
        ("dataset", {"drawn": True}),
        ("protocol", {"name": "cytodiff"}),
        ("protocol", {"version": 2}),
        ("protocol", {"switches": {"crop": None}}),
        ("protocol", {"folds": 4}),
    ],
)
def test_other_data_and_protocols_are_never_in_one_ranking(make_record, make_values, part, change) -> None:
    changed = {**make_values()[part], **change}
    board = leaderboard([make_record(generator="a"), make_record(generator="b", **{part: changed})])
    assert [len(section.rows) for section in board.sections] == [1, 1]


def test_rows_are_ranked_by_macro_f1_on_test_and_equals_share_a_rank(make_record) -> None:
    figures = {"a": 0.5, "b": 0.7, "c": 0.7, "d": 0.1}
    records = [make_record(fold, generator=name, f1=f1) for name, f1 in figures.items() for fold in FOLDS]
    rows = only_section(records).rows
    assert [(row.generator, row.rank) for row in rows] == [("b", 1), ("c", 1), ("a", 3), ("d", 4)]
    assert [("test", "f1_macro") in row.best for row in rows] == [True, True, False, False]


def test_an_incomplete_row_is_marked_and_not_ranked(make_record) -> None:
    records = [make_record(fold, generator="whole", f1=0.3) for fold in FOLDS]
    records += [make_record(fold, generator="part", f1=0.9) for fold in (0, 1, 3)]
    whole, part = only_section(records).rows
    assert (whole.generator, whole.rank, whole.complete) == ("whole", 1, True)
    assert (part.generator, part.rank, part.complete) == ("part", None, False)
    assert part.missing == ((42, 2), (42, 4))
    assert ("test", "f1_macro") in whole.best
    assert not part.best
    for name in ("table", "markdown", "latex", "html"):
        assert "INCOMPLETE, not ranked: folds 2, 4 missing" in render(leaderboard(records), name)


def test_a_failed_fold_makes_a_row_incomplete_and_is_named(make_record) -> None:
    records = [make_record(fold, f1=None if fold == 2 else 0.5) for fold in FOLDS]
    row = only_section(records).rows[0]
    assert not row.complete
    assert row.missing == ((42, 2),)
    assert row.aggregates["test", "accuracy"].folds == 4
    assert "FAILED in fold 2: RuntimeError: out of memory" in render(leaderboard(records), "table")


def test_a_row_that_failed_altogether_is_still_shown(make_record) -> None:
    section = only_section([make_record(fold, f1=None) for fold in FOLDS])
    assert section.rows[0].aggregates["test", "f1_macro"].mean is None
    assert render(leaderboard([make_record(0, f1=None)]), "csv").count("\n") == 1 + 6


def test_a_finished_trial_counts_before_a_failed_one(make_record) -> None:
    later = make_record(0, f1=None, finished="2027-01-01T00:00:00+00:00", benchmark={"fold": [0]})
    assert only_section([make_record(0, benchmark={"fold": [0]}), later]).rows[0].complete


def test_fewer_folds_than_the_protocol_makes_are_said(make_record) -> None:
    section = only_section([make_record(fold, benchmark={"fold": [0, 1]}) for fold in (0, 1)])
    assert section.rows[0].complete
    assert "folds 0, 1 of 5" in section.notes[0]


def test_two_settings_of_one_plugin_are_two_rows_that_say_so(make_record, make_values) -> None:
    values = make_values()
    values["classifier"] = {**values["classifier"], "config": {"epochs": 9}}
    rows = only_section([make_record(), Record.model_validate(values)]).rows
    assert sorted(row.settings for row in rows) == ["classifier.epochs=3", "classifier.epochs=9"]


def test_time_counts_a_shared_stage_once_and_says_what_was_paid(make_record, make_values) -> None:
    fit = {**make_values()["stages"][0], "kind": "fit", "key": "shared", "label": "BAS", "seconds": 100.0}
    own = {**make_values()["stages"][0], "kind": "train", "seconds": 7.0}
    records = [
        make_record(fold, stages=[{**fit, "reused": fold > 0}, {**own, "key": f"train{fold}"}]) for fold in FOLDS
    ]
    row = only_section(records).rows[0]
    assert (row.seconds, row.seconds_paid) == (135.0, 135.0)
    again = [make_record(fold, stages=[{**fit, "reused": True}, {**own, "key": f"t{fold}"}]) for fold in FOLDS]
    row = only_section(again).rows[0]
    assert (row.seconds, row.seconds_paid) == (135.0, 35.0)
    assert "2.2 min (35 s)" in render(leaderboard(again), "table")


def test_the_time_of_a_row_does_not_hold_that_of_measuring_its_images(make_record, make_values) -> None:
    own = {**make_values()["stages"][0], "kind": "train", "seconds": 7.0}
    measured = {**own, "kind": "fidelity", "key": "f", "label": "lite0", "seconds": 1000.0}
    row = only_section([make_record(stages=[own, measured])]).rows[0]
    assert (row.seconds, row.seconds_paid) == (7.0, 7.0)


def test_missing_shots_are_said_in_every_table(make_record) -> None:
    board = leaderboard([make_record(fold) for fold in FOLDS])
    assert board.sections[0].rows[0].shortfall == "LYA 6 of 16"
    for name in ("table", "markdown", "csv", "json", "latex", "html"):
        assert "LYA 6 of 16" in render(board, name)


def test_the_majority_class_is_the_reference(make_record) -> None:
    section = only_section([make_record(fold) for fold in FOLDS])
    true = ["BAS"] * 2 + ["EOS"] * 6 + ["LYA"] * 2
    guess = ["EOS"] * 10
    assert section.majority["test", "accuracy"].mean == pytest.approx(accuracy_score(true, guess))
    expected = f1_score(true, guess, average="macro", zero_division=0)
    assert section.majority["test", "f1_macro"].mean == pytest.approx(expected)
    assert section.majority["test", "auc_macro"].mean == 0.5


def test_cut_and_embedded_data_are_marked_in_the_title(make_record, make_values) -> None:
    dataset = {**make_values()["dataset"], "drawn": True, "limit": 12}
    section = only_section([make_record(dataset=dataset)])
    assert section.title.startswith("[EMBEDDED DATA; CUT by --limit 12] cells")


def test_it_is_said_what_a_leak_was_checked_on(make_record, make_values) -> None:
    assert any("images only" in note for note in only_section([make_record()]).notes)
    dataset = {**make_values()["dataset"], "grouped": "grouped by patient (9)"}
    assert any("grouped by patient (9)" in note for note in only_section([make_record(dataset=dataset)]).notes)


def test_the_same_images_under_other_names_are_ranked_together_and_the_names_are_told(make_record, make_values) -> None:
    theirs = {**make_values()["dataset"], "name": "munich"}
    records = [make_record(0), make_record(0, generator=None, dataset=theirs)]
    section = only_section(records)
    assert len(section.rows) == 2 and (section.dataset, section.other_names) == ("cells", ("munich",))
    for name in ("table", "markdown", "latex", "html", "json"):
        assert "Of cells and of munich alike: the same images" in render(leaderboard(records), name)
    for differs in ({"digest": "e" * 64}, {"labels": ["BAS", "EOS", "LYT"]}, {"drawn": True}, {"limit": 3}):
        others = make_record(0, generator=None, dataset={**theirs, **differs})
        assert len(leaderboard([make_record(0), others]).sections) == 2


def test_sections_are_in_the_order_of_their_data_sets_names(make_record, make_values) -> None:
    names = {"b": "1", "a": "9", "c": "5"}
    datasets = [{**make_values()["dataset"], "name": name, "digest": digest * 64} for name, digest in names.items()]
    board = leaderboard([make_record(dataset=dataset) for dataset in datasets])
    assert [section.dataset for section in board.sections] == ["a", "b", "c"]
