"""Folds made with different software share a row, and the row says so."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cytobench.analysis.leaderboard import leaderboard
from cytobench.analysis.leaderboard.model import Leaderboard
from cytobench.reporting.leaderboard import render
from cytobench.storage.records import Record

Make = Callable[..., Record]


def stage(**changes: Any) -> dict[str, Any]:
    return {"kind": "train", "key": "k", "seconds": 1.0, "device": "Test CPU, 2 cores", "when": "2026", **changes}


def made(make_record: Make, software: Sequence[dict[str, str]], **changes: Any) -> Leaderboard:
    """One row, a fold for each of these."""
    benchmark = {"fold": list(range(len(software)))}
    return leaderboard(
        make_record(fold, stages=[stage(software=versions)], benchmark=benchmark, **changes)
        for fold, versions in enumerate(software)
    )


def remark(board: Leaderboard) -> str:
    """What the CSV says of the one row."""
    (text,) = {line["environments"] for line in csv.DictReader(io.StringIO(render(board, "csv")))}
    return text


def test_folds_of_other_versions_are_marked_in_every_format(make_record: Make) -> None:
    old = {"python": "3.11", "torch": "2.9.0", "numpy": "2.3.1"}
    board = made(make_record, [old, old, {**old, "torch": "2.10.0"}])
    said = "not all made alike: folds 0, 1 with torch 2.9.0; fold 2 with torch 2.10.0"
    for format in ("table", "markdown", "latex", "html"):
        text = render(board, format)
        assert " ".join(said.split()) in " ".join(text.split()), format
    assert "1 ‡" in render(board, "markdown") and r"$\ddagger$" in render(board, "latex")
    assert remark(board) == "42:0 42:1 torch 2.9.0; 42:2 torch 2.10.0"
    (row,) = json.loads(render(board, "json"))["sections"][0]["rows"]
    assert row["rank"] == 1
    assert row["environments"] == [
        {"trials": [{"seed": 42, "fold": 0}, {"seed": 42, "fold": 1}], "made_with": {"torch": "2.9.0"}},
        {"trials": [{"seed": 42, "fold": 2}], "made_with": {"torch": "2.10.0"}},
    ]


def test_equal_folds_are_not_marked(make_record: Make) -> None:
    board = made(make_record, [{"python": "3.11", "torch": "2.9.0"}] * 3)
    assert remark(board) == ""
    assert "‡" not in render(board, "markdown").partition("Mean ±")[0]
    assert "environments" not in json.loads(render(board, "json"))["sections"][0]["rows"][0]


def test_what_a_process_had_not_imported_is_no_difference(make_record: Make) -> None:
    assert remark(made(make_record, [{"python": "3.11", "scipy": "1.16"}, {"python": "3.11"}])) == ""


def test_a_stage_found_done_counts_as_it_was_made(make_record: Make) -> None:
    """The record is of today; its training is of another day."""
    records = [
        make_record(fold, benchmark={"fold": [0, 1]}, stages=[stage(key=f"{fold}", software={"torch": torch}),
                    stage(kind="predict", key=f"p{fold}", software={"torch": "2.10.0"})])
        for fold, torch in enumerate(["2.9.0", "2.10.0"])
    ]  # fmt: skip
    assert remark(leaderboard(records)) == "42:0 torch 2.10.0 and 2.9.0; 42:1 torch 2.10.0"


@pytest.mark.parametrize("part", ["python", "packages", "device", "plugin"])
def test_records_that_do_not_tell_of_stages_count_by_their_own_environment(make_values: Any, part: str) -> None:
    records = []
    for fold in (0, 1):
        values = make_values(fold, stages=[stage()], benchmark={"fold": [0, 1]})
        if fold == 1 and part == "python":
            values["environment"]["python"] = "3.13.1"
        elif fold == 1 and part == "packages":
            values["environment"]["packages"] |= {"torch": "0.1", "pandas": "0.1"}
        elif fold == 1 and part == "device":
            values["stages"][0]["device"] = "Other CPU"
        elif fold == 1:
            values["classifier"]["version"] = "9.9"
        if part == "packages":
            values["environment"]["packages"].setdefault("torch", "2.9.0")
        records.append(Record.model_validate(values))
    text = remark(leaderboard(records))
    expected = {"python": "42:1 python 3.13", "packages": "42:1 torch 0.1", "device": "42:1 device Other CPU",
                "plugin": "42:1 cytobench 0.1.0 and 9.9"}[part]  # fmt: skip
    assert text.endswith(expected) and "pandas" not in text


def test_patches_of_python_and_fidelity_do_not_count(make_values: Any) -> None:
    records = []
    for fold, patch in enumerate(("3.11.4", "3.11.9")):
        values = make_values(fold, benchmark={"fold": [0, 1]})
        values["environment"]["python"] = patch
        values["stages"] = [stage(), stage(kind="fidelity", key=f"f{fold}", software={"torch": f"2.{fold}"})]
        records.append(Record.model_validate(values))
    assert remark(leaderboard(records)) == ""
