"""Runs with an outside test set: predicted by every trial, reported apart, in no rank."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sklearn.metrics import f1_score

from cytobench.analysis.leaderboard import leaderboard
from cytobench.api import plan, run
from cytobench.errors import UserError
from cytobench.reporting.leaderboard import render
from cytobench.storage.records import predictions_of, read_record, read_records, rescore

from ..noise import noise


def ran(out: Path, **values: Any) -> Any:
    """One fold of the random classifier on a cut of the phantom."""
    declared: dict[str, Any] = {
        "dataset": "phantom", "classifier": ["random"], "limit": 6, "fold": [0], "device": "cpu",
    }  # fmt: skip
    return run(out=out, store=out.parent / "store", **{**declared, **values})


@pytest.mark.parametrize("protocol", ["strict", "cytodiff"])
def test_every_model_predicts_it_and_its_scores_stand_apart(tmp_path: Path, protocol: str) -> None:
    found = ran(tmp_path / "out", protocol=protocol, external_test="phantom-fresh")
    file = next((tmp_path / "out" / "records").glob("*.json"))
    record = read_record(file)
    table = predictions_of(record, file)
    outside = table[table["split"] == "external"]
    assert len(outside) == 300 and not outside["synthetic"].any()
    expected = f1_score(outside["label"], outside["predicted"], average="macro", zero_division=0)
    assert record.scores["external"]["f1_macro"] == pytest.approx(expected, abs=1e-12)
    assert record.external_test is not None and record.external_test.n_images == 300
    assert rescore(file) == record.scores
    (section,) = found.leaderboard.sections
    assert section.splits[-1] == "external"
    assert not any(split == "external" for split, _ in section.majority)


def test_classes_that_it_lacks_do_not_count(tmp_path: Path, cells: Path) -> None:
    """Macro F1 is over the classes that the outside set has."""
    labels = sorted(folder.name for folder in cells.iterdir() if folder.is_dir())
    for label, shade in zip(labels[:2], (20, 200), strict=True):
        (tmp_path / "there" / label).mkdir(parents=True)
        for index in range(3):
            Image.new("RGB", (32, 32), (shade, 10 * index, 30)).save(tmp_path / "there" / label / f"{index}.png")
    ran(
        tmp_path / "out", dataset=str(cells), preset="pocket", limit=None, folds=3,
        external_test=str(tmp_path / "there"),
    )  # fmt: skip
    file = next((tmp_path / "out" / "records").glob("*.json"))
    table = predictions_of(read_record(file), file)
    outside = table[table["split"] == "external"]
    expected = f1_score(outside["label"], outside["predicted"], labels=labels[:2], average="macro", zero_division=0)
    assert read_record(file).scores["external"]["f1_macro"] == pytest.approx(expected, abs=1e-12)
    text = render(leaderboard(read_records([tmp_path / "out"])), "markdown")
    assert "Outside test set: there, 6 images" in text
    assert f"none of {labels[2]}" in text


def test_it_takes_new_predictions_alone_and_another_folder(tmp_path: Path) -> None:
    ran(tmp_path / "a")
    with pytest.raises(UserError, match="external_test differ"):
        ran(tmp_path / "a", external_test="phantom-fresh")
    found = plan(
        dataset="phantom", classifier=["random"], limit=6, fold=[0], device="cpu", external_test="phantom-fresh",
        out=tmp_path / "b", store=tmp_path / "store",
    )  # fmt: skip
    todo = {item.kind: item.todo for item in found.items}
    assert todo == {"train": 0, "predict": 1}
    assert found.external == "outside test set: phantom-fresh, 300 images"


def test_patients_of_the_data_set_are_left_out_and_told_everywhere(tmp_path: Path, cells: Path) -> None:
    names = [f"{label}/{number:02}.png" for label in "ABC" for number in range(12)]
    rows = [f"{name},{name[0]},P{number % 9}" for number, name in enumerate(names)]
    (cells / "m.csv").write_text("\n".join(["path,label,group", *rows, ""]))
    for number, name in enumerate(names[:2] + names[12:16]):
        noise(tmp_path / "there" / name, 300 + number)
    groups = ("P0", "Q1", "P1", "Q1", "", "")
    rows = [f"{name},{name[0]},{group},x" for name, group in zip(names[:2] + names[12:16], groups, strict=True)]
    (tmp_path / "there" / "m.csv").write_text("\n".join(["path,label,group,donor_id", *rows, ""]))
    given: dict[str, Any] = {
        "dataset": str(cells / "m.csv"), "preset": "pocket", "limit": None, "folds": 3,
        "external_test": str(tmp_path / "there" / "m.csv"),
    }  # fmt: skip
    left_out = "4 images; none of C; 2 left out, their patients are in the data set too"
    planned = plan(classifier=["random"], device="cpu", **given)
    assert planned.external is not None and planned.external.endswith(left_out)
    [section] = ran(tmp_path / "out", **given).leaderboard.sections
    assert section.external is not None and "2 left out, their patients" in section.external
    [record] = read_records([tmp_path / "out"])
    assert record.external_test is not None
    assert (record.external_test.n_images, record.external_test.patients_left_out) == (4, 2)
    assert [each.kind for each in record.findings or ()] == ["outside_unused_patients", "outside_no_patient"]
    text = render(leaderboard([record]), "markdown").replace("\\", "")
    assert "Outside test set: 2 of 4 images name no patient, and may be of one in training." in text
