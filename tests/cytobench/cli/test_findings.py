"""What is found in the data is told by every command before work begins, and stands under every table."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cytobench.analysis.leaderboard import leaderboard
from cytobench.api import RunResult, plan
from cytobench.cli import main
from cytobench.reporting.leaderboard import FORMATS, render
from cytobench.storage.records import read_records

Run = Callable[..., RunResult]

NAMES = [f"{label}/{number:02}.png" for label in "ABC" for number in range(12)]


@dataclass(frozen=True)
class Case:
    """A manifest of the noise cells, and what is said of it in every place."""

    rows: list[str]
    said: str
    not_said: str = "nothing that is said"
    header: str = "path,label"


CASES = {
    "merged cells": Case(
        [f"{name},{name[0]},{f'P{number // 4}' if number % 4 == 0 else ''}" for number, name in enumerate(NAMES)],
        "27 of 36 images name no patient",
        "grouped by patient",
        "path,label,group",
    ),
    "patients that look alike": Case(
        [f"{name},{name[0]},{'pP'[number % 2]}{number % 9}" for number, name in enumerate(NAMES)],
        "9 patients are probably written in several ways",
        "No leak",
        "path,label,group",
    ),
    "a patient called unknown": Case(
        [f"{name},{name[0]},{f'P{number % 9}' if number % 9 else 'unknown'}" for number, name in enumerate(NAMES)],
        "4 of 36 images name the patient 'unknown', which looks like none",
        "No leak",
        "path,label,group",
    ),
    "an unused column": Case(
        [f"{name},{name[0]},P{number % 9}" for number, name in enumerate(NAMES)],
        "column patient_id, which looks like patients or slides and is not used",
        "names no patients",
        "path,label,patient_id",
    ),
    "a division": Case(
        [f"{name},{name[0]},{('train', 'val', 'test')[number % 3]}" for number, name in enumerate(NAMES)],
        "column split, which looks like a division of the images and is not used",
        header="path,label,split",
    ),
    "one big patient": Case(
        [f"{name},{name[0]},{'big' if number % 12 < 9 else f'P{number}'}" for number, name in enumerate(NAMES)],
        "Uneven folds, for patients and copies stay whole",
        header="path,label,group",
    ),
    "labels that look alike": Case(
        [f"{name},{name[0] if number % 2 else name[0].lower()}" for number, name in enumerate(NAMES)],
        "Probably one class, written in several ways: 'A' and 'a'",
    ),
    "contradicting copies": Case(
        [f"{name},{name[0]}" for name in [*NAMES, "B/copy.png"]],
        "1 picture is there under several labels (A and B)",
    ),
}  # fmt: skip


def manifest(cells: Path, case: Case) -> Path:
    (cells / "B" / "copy.png").write_bytes((cells / "A" / "00.png").read_bytes())
    file = cells / "m.csv"
    file.write_text("\n".join([case.header, *case.rows, ""]))
    return file


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    assert isinstance(ended.value.code, int)
    return ended.value.code, *capsys.readouterr()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_told_before_work_and_under_every_table(
    cells: Path, small: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: Case
) -> None:
    file = manifest(cells, case)
    arguments = ("--preset", "pocket", "--classifier", "random", "--folds", "3", "--device", "cpu")
    code, described, _ = call(capsys, "data", "describe", file, "--folds", 3)
    assert code == 0 and case.said in described and case.not_said not in described
    code, out, err = call(capsys, "data", "split", file, "--folds", 3, "--out", tmp_path / "s.csv")
    assert code == 0 and case.said in err and case.said not in out
    code, out, _ = call(capsys, "run", "--dataset", file, *arguments, "--out", tmp_path / "out", "--dry-run")
    assert code == 0 and case.said in out
    code, out, err = call(capsys, "run", "--dataset", file, *arguments, "--out", tmp_path / "out")
    assert code == 0 and case.said in out and case.said in err.partition("trial 1")[0]
    board = leaderboard(read_records([tmp_path / "out"]))
    for name in ("table", *FORMATS):
        text = render(board, name).replace("\\", "").replace("&#39;", "'").replace("''", "'").replace('""', '"')
        assert case.said in text and case.not_said not in text, name
    for record in read_records([tmp_path / "out"]):
        assert case.said in record.dataset.grouped or case.said in " ".join(each.text for each in record.findings or ())


def test_the_page_tells_it_and_its_verdict_too(
    cells: Path, small: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["A/00.png,a,", *CASES["one big patient"].rows[1:]]
    small(dataset=str(manifest(cells, Case(rows, "", header="path,label,group"))), train_only=["a"])
    code, *_ = call(capsys, "report", tmp_path / "out", "--out", tmp_path / "page")
    page = (tmp_path / "page" / "index.html").read_text().replace("&#39;", "'")
    assert code == 0
    for said in ("1 of 36 images name no patient", "Probably one class", "Uneven folds", "classes are probably one,"):
        assert said in page, said
    assert "grouped by patient" not in page


def test_findings_are_values_in_json_and_in_python(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = manifest(cells, CASES["merged cells"])
    _, out, _ = call(capsys, "data", "describe", file, "--folds", 3, "--json")
    assert [finding["kind"] for finding in json.loads(out)["findings"]] == ["no_patient", "merged_cells"]
    planned = plan(dataset=str(file), preset="pocket", classifier=["random"], folds=3, device="cpu")
    assert [finding.kind for finding in planned.findings] == ["no_patient", "merged_cells"]


def test_sound_data_have_none(cells: Path, small: Run) -> None:
    rows = [f"{name},{name[0]},P{number % 9}" for number, name in enumerate(NAMES)]
    file = manifest(cells, Case(rows, "", header="path,label,group"))
    (section,) = small(dataset=str(file), generator=(), synthetic=[0]).leaderboard.sections
    assert section.findings == () and "No leak: grouped by patient (9)." in section.notes
    assert not section.title.startswith("[")


def test_the_fill_down_that_is_offered_mends_it(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = manifest(cells, CASES["merged cells"])
    code, out, err = call(capsys, "data", "manifest", file, "--group", "group", "--out", cells / "new.csv")
    assert (code, out) == (2, "") and "--fill-down" in err and not (cells / "new.csv").exists()
    code, out, err = call(capsys, "data", "manifest", file, "--group", "group", "--fill-down", "--out", cells / "n.csv")
    assert (code, err) == (0, "") and "36 images of 9 groups" in out
    _, described, _ = call(capsys, "data", "describe", cells / "n.csv")
    assert "groups: 9; every image has one" in described and "name no patient" not in described


def test_a_column_of_a_manifest_becomes_its_groups_and_the_others_stay(
    cells: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"./{name},{name[0]},0.5,P{number % 9},wrong" for number, name in enumerate(NAMES)]
    file = manifest(cells, Case(rows, "", header="path,label,quality,patient_id,group"))
    code, _, err = call(capsys, "data", "manifest", file, "--group", "patient_id", "--out", cells.parent / "new.csv")
    assert (code, err) == (0, "")
    lines = (cells.parent / "new.csv").read_text().splitlines()
    assert lines[:2] == ["path,label,group,quality", "cells/A/00.png,A,P0,0.5"] and len(lines) == 37


def test_records_that_are_older_claim_no_more_than_they_know(small: Run, tmp_path: Path, cells: Path) -> None:
    small(generator=(), synthetic=[0])
    records = read_records([tmp_path / "out"])
    old = [record.model_copy(update={"findings": None}) for record in records]
    grouped = [
        record.model_copy(update={"dataset": record.dataset.model_copy(update={"grouped": "grouped by patient (9)"})})
        for record in old
    ]
    assert "names patients is not on record" in " ".join(leaderboard(old).sections[0].notes)
    said = " ".join(leaderboard(grouped).sections[0].notes)
    assert "No leak" not in said and "grouped by patient (9); whether every image names one is not on record" in said


@pytest.mark.parametrize(("name", "shown"), [("eos", "'EOS' and 'eos'"), ("EOS ", "'EOS' and 'EOS '")])
def test_score_names_labels_that_look_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, shown: str
) -> None:
    (tmp_path / "p.csv").write_text(f"label,predicted\nEOS,{name}\nBAS,BAS\nEOS,BAS\n")
    code, _, err = call(capsys, "score", tmp_path / "p.csv")
    assert code == 0 and f"Note: probably one class, written in several ways: {shown}" in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('["A "]\ngenerator = "x"\n', "'A ' is no class of cells. Did you mean 'A'?"),
        ('[a]\ngenerator = "x"\n', "'a' is no class of cells. Did you mean A?"),
    ],
)
def test_a_prompts_file_too(
    cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (tmp_path / "p.toml").write_text(text)
    code, _, err = call(capsys, "data", "describe", cells, "--prompts", tmp_path / "p.toml")
    assert code == 2 and said in err
