"""The one sentence on top of a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cytobench.analysis.outcomes import Outcome
from cytobench.reporting.page.gather import read_groups
from cytobench.reporting.page.verdict import Verdict, verdict

from .results import write_row


def of(folder: Path) -> Verdict:
    (group,) = read_groups([folder])
    return verdict(group)


def test_a_difference_within_chance_is_no_gain(tmp_path: Path) -> None:
    write_row(tmp_path, 0, 0.6)
    write_row(tmp_path, 20, 0.62)
    found = of(tmp_path)
    assert (found.outcome, found.lead) == (Outcome.NO_DIFFERENCE, "No difference shown")
    assert "interval" in found.rest and "against no synthetic images" in found.rest
    assert "cells, protocol strict, preset pocket, 5 folds" in found.rest
    assert any("tiny networks" in one for one in found.caveats)
    assert any("no analysis was declared" in one for one in found.caveats)


def test_a_gain_and_a_loss_are_called_so(tmp_path: Path) -> None:
    write_row(tmp_path / "a", 0, 0.3, each=40)
    write_row(tmp_path / "a", 20, 0.9, each=40)
    write_row(tmp_path / "b", 0, 0.9, each=40)
    write_row(tmp_path / "b", 20, 0.3, each=40)
    gain, loss = of(tmp_path / "a"), of(tmp_path / "b")
    assert (gain.outcome, loss.outcome) == (Outcome.GAIN, Outcome.LOSS)
    assert "by +0." in gain.rest and "by \N{MINUS SIGN}0." in loss.rest


def test_copies_of_the_shots_stand_beside(tmp_path: Path) -> None:
    for n, right, generator in ((0, 0.5, ""), (20, 0.6, "sd21-lora"), (20, 0.7, "repeat")):
        write_row(tmp_path, n, right, generator=generator or "x")
    found = of(tmp_path)
    assert "from sd21-lora" in found.rest
    assert "20 copies of the shots a class (repeat) change it by +0." in found.rest
    assert "with copies of the shots" in dict(found.figures)


def giving_back(equal: int) -> Callable[[dict[str, Any]], None]:
    """An edit of a record, after which so many of its twenty images of a class equal real ones."""

    def edit(values: dict[str, Any]) -> None:
        if values["generator"]:
            found = {"n_images": 20, "equal": equal, "near": 0, "images": [[0, equal - 1]], "nearest": []}
            values["copies"] = {"key": "k", "revision": 1, "n_real": 9, "n_external": 0, "classes": {"A": found}}

    return edit


def test_what_copies_real_images_is_not_called_synthetic(tmp_path: Path) -> None:
    for folder, generator, equal in (("control", "repeat", 20), ("candidate", "x", 20), ("some", "x", 3)):
        write_row(tmp_path / folder, 0, 0.5)
        write_row(tmp_path / folder, 20, 0.6, generator=generator, edit=giving_back(equal))
    control, candidate, some = (of(tmp_path / name) for name in ("control", "candidate", "some"))
    assert "adding 20 images a class from repeat, copies of real ones, to the training" in control.rest
    assert "20 synthetic" not in candidate.rest
    assert "from x, some of them copies of real ones," in some.rest


def a_control(distribution: str = "cytobench-mixer", **words: str) -> Callable[[dict[str, Any]], None]:
    """An edit of a record, after which its generator is a stranger's control."""

    def edit(values: dict[str, Any]) -> None:
        if values["generator"]:
            values["generator"] |= {"distribution": distribution, "role": "control", **words}

    return edit


def test_a_strangers_control_is_one(tmp_path: Path) -> None:
    write_row(tmp_path, 0, 0.5)
    write_row(tmp_path, 20, 0.6)
    write_row(tmp_path, 20, 0.9, generator="mixer", edit=a_control())
    found = of(tmp_path)
    assert "from sd21-lora" in found.rest
    assert "20 images a class of the control mixer change it by +0." in found.rest
    assert "with the control mixer" in dict(found.figures)


def test_a_control_is_called_what_its_plugin_says(tmp_path: Path) -> None:
    write_row(tmp_path, 0, 0.5)
    write_row(tmp_path, 20, 0.6)
    write_row(tmp_path, 20, 0.9, generator="mixer", edit=a_control(images_are="mixed shots"))
    found = of(tmp_path)
    assert "20 mixed shots a class (mixer) change it by +0." in found.rest
    assert "with mixed shots" in dict(found.figures)


def test_a_stranger_is_no_control_for_its_name(tmp_path: Path) -> None:
    write_row(tmp_path, 0, 0.5)
    edit = lambda values: values["generator"] and values["generator"].update(distribution="cytobench-stranger")  # noqa: E731
    write_row(tmp_path, 20, 0.9, generator="repeat", edit=edit)
    write_row(tmp_path, 20, 0.6)
    assert "from repeat to" in of(tmp_path).rest


def test_where_all_are_controls_one_is_spoken_of(tmp_path: Path) -> None:
    write_row(tmp_path, 0, 0.5)
    write_row(tmp_path, 20, 0.9, generator="mixer", edit=a_control())
    assert "from mixer to" in of(tmp_path).rest


def test_validation_chooses_the_generator_that_is_spoken_of(tmp_path: Path) -> None:
    write_row(tmp_path, 0, 0.5)
    write_row(tmp_path, 20, 0.4, generator="poor")
    write_row(tmp_path, 20, 0.8, generator="good")
    assert "from good to" in of(tmp_path).rest


def test_one_fold_or_no_synthetic_row_concludes_nothing(tmp_path: Path) -> None:
    write_row(tmp_path / "plain", 0, 0.5)
    assert of(tmp_path / "plain").rest.startswith("no finished row on cells")
    for n in (0, 20):
        write_row(tmp_path / "one", n, 0.6, folds=[0], edit=lambda v: v["benchmark"].update(fold=[0]))
    found = of(tmp_path / "one")
    assert found.outcome is Outcome.NOT_KNOWN and "one fold" in found.rest and "1 of 5 folds" in found.rest


def test_all_failed_is_said(tmp_path: Path) -> None:
    write_row(tmp_path, 20, None)
    found = of(tmp_path)
    assert found.outcome is Outcome.NOT_KNOWN and "no trial is finished" in found.rest


def test_the_best_baseline_as_validation_chose_it_is_named(tmp_path: Path) -> None:
    analysis = {"analysis": {"comparisons": ["sd21-lora/*"], "baselines": ["repeat/*", "none/*"]}}
    for n, right, generator in ((0, 0.5, "x"), (20, 0.6, "sd21-lora"), (20, 0.9, "repeat")):
        write_row(tmp_path, n, right, generator=generator, edit=lambda v: v["benchmark"].update(analysis))
    found = of(tmp_path)
    assert "against the best baseline, as validation chose it (repeat/clip/s16/n20)" in found.rest
    assert "copies of the shots a class" not in found.rest
