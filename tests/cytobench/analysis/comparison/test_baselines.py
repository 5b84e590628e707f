"""Validation chooses the best baseline, the N that it chose is compared with that, and the gain is priced."""

from __future__ import annotations

import json
from functools import partial

import pytest

from cytobench.analysis.comparison.baselines import best_baselines
from cytobench.analysis.comparison.candidates import find_pair
from cytobench.analysis.comparison.headline import declared_family, declared_pairs
from cytobench.analysis.comparison.pair import compare
from cytobench.analysis.outcomes import Cause, Conclusion, Outcome, Reason
from cytobench.analysis.results import read_candidates
from cytobench.config.benchmark import Analysis
from cytobench.metrics.statistics.holm import holm
from cytobench.reporting.comparison.family import family_lines
from cytobench.reporting.comparison.pair import comparison_lines
from cytobench.reporting.comparison.values import family_values
from cytobench.reporting.outcomes import gain_text

DECLARED = {"baselines": ["none/*", "repeat/*"]}
SYNTHETIC, PLAIN = "sd21-lora/clip/s16/n20", "none/clip/s0/n0"
WEIGHTED, REPEAT = "none/clip-weighted/s0/n0", "repeat/clip/s16/n20"


@pytest.fixture
def declared(write):
    """Write a row of a benchmark that declares all rows without synthetic images, and ``repeat``, as baselines."""
    return partial(write, analysis=DECLARED)


def wrong(split: str):
    """All predictions of a split are BAS."""
    return lambda table: table.assign(predicted=table["predicted"].where(table["split"] != split, "BAS"))


def section_of(folder):
    (section,) = read_candidates([folder])
    return section


def family_of(folder):
    return declared_family(section_of(folder))


def text_of(folder) -> str:
    return "\n".join(family_lines(family_of(folder)))


def taking(seconds: float) -> list[dict]:
    """The stages of a trial that trains for so long."""
    device, when = "Test CPU, 2 cores", "2026-01-01T00:00:00+00:00"
    return [{"kind": "train", "key": "k", "seconds": seconds, "device": device, "when": when}]


def test_validation_picks_the_best_baseline_whatever_its_test(declared) -> None:
    declared(None, 0.6)
    declared(None, 0.9, classifier_name="clip-weighted", change=wrong("test"))
    declared("repeat", 0.8, change=wrong("validation"))
    folder = declared(right=0.7)
    section = section_of(folder)
    test = {one.row.row: one.row.aggregates["test", "f1_macro"].mean for one in section}
    assert test[WEIGHTED] < test[PLAIN] < test[REPEAT]
    (one,) = family_of(folder).headline
    assert (one.pair.row.name, one.pair.reference.name) == (SYNTHETIC, WEIGHTED)
    assert [other.name for other in one.pair.baselines.among] == [WEIGHTED, PLAIN, REPEAT]
    assert one.pair.difference.mean == pytest.approx(test[SYNTHETIC] - test[WEIGHTED])
    said = f"Best baseline of clip: {WEIGHTED}, chosen by macro F1 on validation among 3: {WEIGHTED} 0."
    assert said in text_of(folder)


def test_the_choice_goes_by_the_declared_metric(declared) -> None:
    declared(None, 0.3)
    folder = declared(right=0.7)
    # 18 of 30 are eosinophils: always saying so is right in 60 %, and has a macro F1 of 0.25.
    declared(None, 0.6, classifier_name="clip-weighted", change=lambda table: table.assign(predicted="EOS"))
    chosen = {
        metric: best_baselines(section_of(folder), Analysis(metric=metric, **DECLARED))["clip"].best.name
        for metric in ("accuracy", "f1_macro")
    }
    assert chosen == {"accuracy": WEIGHTED, "f1_macro": PLAIN}


def test_of_equal_baselines_the_one_with_fewest_images_is_chosen_then_the_first_by_name(declared) -> None:
    declared("repeat", 0.6, n=50)
    declared("repeat", 0.6)
    declared(None, 0.6, classifier_name="clip-z", change=wrong("test"))
    declared(None, 0.6, classifier_name="clip-a", change=wrong("test"))
    found = best_baselines(section_of(declared(right=0.7)), Analysis(**DECLARED))["clip"]
    assert [one.name for one in found.among] == [
        "none/clip-a/s0/n0", "none/clip-z/s0/n0", REPEAT, "repeat/clip/s16/n50"
    ]  # fmt: skip


def test_baselines_that_cannot_be_chosen_are_left_out_and_named(write) -> None:
    write = partial(write, analysis={"baselines": ["none/*", "repeat/*", "folder/*", "oracle/*"]})
    write(None, 0.5)
    write(None, 0.9, classifier_name="clip-weighted", folds=[0, 1])
    write("repeat", 0.9, change=lambda table: table[table["split"] == "test"])
    write("folder", 0.95, made_elsewhere="undeclared")
    folder = write(right=0.7)
    (one,) = family_of(folder).headline
    assert one.pair.reference.name == PLAIN
    text = text_of(folder)
    assert f"Best baseline of clip: {PLAIN}, the only one that could be chosen." in text
    assert f"{WEIGHTED} (INCOMPLETE: folds 2, 3, 4 missing)" in text
    assert f"{REPEAT} (no figure on validation)" in text
    assert "folder/clip/s16/n20 (it may have seen the test images)" in text
    assert "Declared as baselines, without a finished trial: oracle/*." in text


def test_without_a_baseline_that_can_be_chosen_there_is_no_headline_yet(declared) -> None:
    declared(None, 0.5, folds=[0, 1, 2])
    folder = declared(right=0.7)
    found = family_of(folder)
    assert found.headline == ()
    assert [pair.baselines for pair in found.pairs] == [None]
    text = text_of(folder)
    assert f"Best baseline of clip: none can be chosen. Left out: {PLAIN} (INCOMPLETE: folds 3, 4 missing)." in text
    assert "No headline yet: it needs a complete row, and a baseline that can be chosen." in text
    assert "Against the reference: the N that validation chose" in text


def test_a_baseline_of_another_plugin_is_no_baseline(declared, make_values) -> None:
    declared(None, 0.5)
    other = make_values(classifier="resnet50")["classifier"]
    declared(None, 0.9, row="none/resnet50/s0/n0", tag="resnet", classifier=other)
    (one,) = family_of(declared(right=0.7)).headline
    assert [one.name for one in one.pair.baselines.among] == [PLAIN]


def test_a_submitted_row_is_no_baseline_and_changes_nothing(write) -> None:
    write = partial(write, analysis={"baselines": ["*/s0/n0"]})
    write(None, 0.5)
    folder = write(right=0.7)
    before = family_values(family_of(folder))
    run = next(iter(section_of(folder)[0].trials.values()))[0]
    submission = {"name": "theirs", "predictions_digest": "a" * 64, "split_digest": "b" * 64, "beside": run.digest}
    write(None, 0.95, row="submitted/theirs/s0/n0", tag="submitted", submission=submission, stages=[])
    section = section_of(folder)
    assert [one.name for one in section if one.row.submitted] == ["submitted/theirs/s0/n0"]
    after = family_values(declared_family(section))
    assert (after["headline"], after["baselines"]) == (before["headline"], before["baselines"])


def test_one_family_counts_references_and_baselines_and_the_choice_works_for_no_verdict(declared) -> None:
    declared(None, 0.6)
    declared(None, 0.9, classifier_name="clip-weighted")
    declared("repeat", 0.7)
    for n, right in ((20, 0.55), (50, 0.95)):
        folder = declared(right=right, n=n)
    pairs = declared_pairs(section_of(folder), Analysis(**DECLARED))
    against = {(pair.row.name, pair.reference.name): pair for pair in pairs}
    assert set(against) == {
        (REPEAT, PLAIN),
        *((row, other) for row in (SYNTHETIC, "sd21-lora/clip/s16/n50") for other in (PLAIN, WEIGHTED)),
    }
    assert {pair.family for pair in pairs} == {5}
    loss, gain = against[SYNTHETIC, WEIGHTED], against["sd21-lora/clip/s16/n50", WEIGHTED]
    assert loss.difference.mean < 0 < gain.difference.mean
    counted = [pair.difference.p * (3 if pair is loss else 1) for pair in pairs]
    assert [pair.p_holm for pair in pairs] == pytest.approx(holm([min(1.0, p) for p in counted]))


def test_where_each_n_has_other_test_images_there_is_a_reason_and_no_verdict(declared, make_values) -> None:
    protocol = {**make_values()["protocol"], "name": "cytodiff", "switches": {"pooled": True}}

    def pooled(table):
        return table.assign(split=table["split"].replace("validation", "validation_real"))

    for fold in range(5):
        of_fold = {"protocol": {**protocol, "fold": fold}, "split": "test_real", "folds": (fold,), "change": pooled}
        declared(None, 0.8, **of_fold)
        declared("repeat", 0.5, **of_fold)
        folder = declared(right=0.9, **of_fold)
    (one,) = family_of(folder).headline
    assert (one.pair.reference.name, one.pair.p_holm, one.cost) == (PLAIN, None, None)
    assert one.pair.conclusion.outcome is Outcome.NOT_KNOWN
    assert "N = 20 and N = 0 have other test images" in one.pair.conclusion.reason.detail
    assert "not known against the best baseline: protocol cytodiff divides anew" in text_of(folder)


def test_the_gain_is_priced_where_it_is_shown(declared) -> None:
    declared(None, 0.4, stages=taking(60))
    folder = declared(right=0.95, stages=taking(60 + 720))
    (one,) = family_of(folder).headline
    assert one.pair.conclusion.outcome is Outcome.GAIN
    assert one.cost.hours == pytest.approx(0.2)
    assert one.cost.hours_per_step == pytest.approx(0.2 / (100 * one.pair.difference.mean))
    assert f"{SYNTHETIC}  +0." in text_of(folder) and "  gain, " in text_of(folder)
    assert "for each +0.01" in text_of(folder)


def test_what_is_not_shown_has_no_price(declared) -> None:
    declared(None, 0.6, stages=taking(60))
    folder = declared(right=0.62, stages=taking(780))
    (one,) = family_of(folder).headline
    assert (one.cost.conclusion.outcome, one.cost.hours_per_step) == (Outcome.NO_DIFFERENCE, None)
    assert "12.0 min" in text_of(folder) and "no difference shown" in text_of(folder)


def test_a_generator_that_may_have_seen_the_test_images_has_no_gain(write) -> None:
    write = partial(write, analysis={"baselines": ["none/*"]})
    write(None, 0.4)
    folder = write("folder", 0.95, made_elsewhere="undeclared")
    (one,) = family_of(folder).headline
    assert one.cost.conclusion == Conclusion(Outcome.NOT_KNOWN, Reason(Cause.MAY_HAVE_SEEN, "folder/clip/s16/n20"))
    assert "not known (folder/clip/s16/n20 may have seen the test images)" in text_of(folder)
    found = compare(*find_pair([section_of(folder)], "folder/clip/s16/n20", PLAIN), section_of(folder))
    assert found.cost.conclusion == one.cost.conclusion


def test_a_reference_that_may_have_seen_the_test_images_gives_no_verdict_anywhere(write) -> None:
    write("folder", 0.4, made_elsewhere="undeclared")
    folder = write(right=0.95, analysis={"reference": "folder/*"})
    pair = next(pair for pair in family_of(folder).pairs)
    assert (pair.conclusion.outcome, pair.p_holm) == (Outcome.NOT_KNOWN, None)
    assert "not known against the reference: folder/clip/s16/n20 may have seen the test images" in text_of(folder)


def test_without_baselines_the_headline_is_against_the_reference_and_says_so(write) -> None:
    write(None, 0.5)
    write("repeat", 0.9)
    folder = write(right=0.7)
    found = family_of(folder)
    assert found.baselines == () and {one.pair.reference.name for one in found.headline} == {PLAIN}
    words = {one.pair.row.name: gain_text(one.cost) for one in found.headline}
    assert words == {REPEAT: "gain, at no extra cost", SYNTHETIC: "no difference shown"}
    text = text_of(folder)
    assert "No baselines are declared: the reference is the plain N = 0. docs/baselines.md has stronger ones." in text
    assert "Against the reference" not in text


def test_another_reference_is_named_where_no_baselines_are_declared(write) -> None:
    folder = write(right=0.7, analysis={"reference": "repeat/*"})
    assert "No baselines are declared: the reference is repeat/*." in text_of(folder)


def test_json_holds_the_choice_the_headline_and_all_comparisons(declared) -> None:
    declared(None, 0.6)
    declared(None, 0.9, classifier_name="clip-weighted")
    declared("repeat", 0.7, folds=[0])
    values = json.loads(json.dumps(family_values(family_of(declared(right=0.8))), allow_nan=False))
    assert values["analysis"]["baselines"] == DECLARED["baselines"]
    chosen = values["baselines"]["clip"]
    assert chosen["best"]["row"] == WEIGHTED
    assert [one["row"] for one in chosen["among"]] == [WEIGHTED, PLAIN]
    assert chosen["among"][0]["validation"] > chosen["among"][1]["validation"]
    (left_out,) = chosen["left_out"]
    assert (left_out["row"], left_out["why"]) == (REPEAT, "INCOMPLETE: folds 1, 2, 3, 4 missing")
    (headline,) = values["headline"]
    assert (headline["row"]["row"], headline["reference"]["row"]) == (SYNTHETIC, WEIGHTED)
    assert headline["against"] == "best baseline"
    assert set(headline["gain_and_cost"]) == {"gain", "hours", "hours_per_step", "outcome", "words"}
    outcomes = {"better": "gain", "not distinguishable": "no difference shown", "not known": "not known"}
    assert all(one["outcome"] == outcomes[one["verdict"]] for one in values["comparisons"])
    assert [one["against"] for one in values["comparisons"]] == ["reference", "reference", "best baseline"]


def test_two_rows_by_name_say_that_they_are_the_declared_comparison(declared) -> None:
    declared(None, 0.6)
    declared(None, 0.7, classifier_name="clip-weighted")
    section = section_of(declared(right=0.95))
    found = compare(*find_pair([section], SYNTHETIC, WEIGHTED), section)
    assert found.declared.baselines.best.name == WEIGHTED
    assert f"{SYNTHETIC}: gain over {WEIGHTED}." in comparison_lines(found)[-1]
