"""A submitted row beside a run: its standing, compared with the run's rows, and in no declared family."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cytobench.analysis.comparison.candidates import declared_analysis
from cytobench.analysis.comparison.headline import declared_pairs
from cytobench.analysis.leaderboard import leaderboard
from cytobench.analysis.results import read_candidates
from cytobench.cli import main
from cytobench.reporting.leaderboard import render
from cytobench.storage.records import read_records

from .conftest import FOLDS, Run

THEIRS, OURS = "submitted/theirs/s0/n0", "none/random/s0/n0"


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def submit(capsys: pytest.CaptureFixture[str], split: pd.DataFrame, name: str, right: float, *arguments: object) -> str:
    """Hand in predictions that are right with this chance."""
    chance = np.random.default_rng(int(right * 1000))
    guessed = np.where(chance.random(len(split)) < right, split["label"], chance.choice(list("ABC"), len(split)))
    pd.DataFrame({"path": split["path"], "predicted": guessed}).to_csv(f"{name}.csv", index=False)
    code, out, err = command(capsys, "submit", f"{name}.csv", "--split", "split.csv", "--name", name, *arguments)
    assert code == 0, err
    return out


@pytest.fixture
def beside(run_on_cells: Run, split: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> Path:
    """A run's folder, with a submission that is nearly always right."""
    run_on_cells()
    submit(capsys, split, "theirs", 0.97, "--out", "out")
    return Path("out")


def test_a_submitted_row_has_a_standing_in_every_format(beside: Path) -> None:
    board = leaderboard(read_records([beside]))
    (section,) = board.sections
    standings = {row.row: row.standing for row in section.rows}
    assert standings[THEIRS] == "best" and set(standings.values()) <= {"best", "below", "not distinguishable"}
    csv = pd.read_csv(io.StringIO(render(board, "csv"))).drop_duplicates("row").set_index("row")
    assert csv["standing"].to_dict() == standings
    assert csv["submitted"].to_dict() == {row: row == THEIRS for row in standings}
    rows = {row["row"]: row for row in json.loads(render(board, "json"))["sections"][0]["rows"]}
    assert rows[THEIRS]["submitted"] and rows[THEIRS]["standing"] == "best"
    for format_ in ("table", "markdown", "latex", "html"):
        shown = render(board, format_)
        assert "SUBMITTED" in shown and ("below the best row" in shown or "not distinguishable from" in shown)


def test_a_submitted_row_is_compared_with_one_of_the_run(beside: Path, capsys) -> None:
    code, out, err = command(capsys, "compare", beside, "--a", THEIRS, "--b", OURS)
    assert (code, err) == (0, "")
    assert "36 test images" in out and "One seed (42)" in out
    assert f"{THEIRS} is SUBMITTED: predictions of a system outside cytobench" in out
    assert "the cost is not known, a submitted row has no time on record" in out
    assert "Not one of the declared comparisons: exploratory" in out
    _, out, _ = command(capsys, "compare", beside, "--a", OURS, "--b", THEIRS, "--json")
    values = json.loads(out)
    assert (values["gain_and_cost"]["hours"], values["gain_and_cost"]["hours_per_step"]) == (None, None)
    means = leaderboard(read_records([beside])).sections[0].rows
    ours = next(row.aggregates["test", "f1_macro"].mean for row in means if row.row == OURS)
    theirs = next(row.aggregates["test", "f1_macro"].mean for row in means if row.row == THEIRS)
    assert values["over_folds"]["f1_macro"]["difference"]["mean"] == pytest.approx(ours - theirs)


def test_a_submission_changes_nothing_of_what_was_declared(beside: Path, split, capsys) -> None:
    def family() -> list[tuple[str, float | None]]:
        (section,) = read_candidates([beside])
        analysis, _ = declared_analysis(section)
        return [(pair.row.name, pair.p_holm) for pair in declared_pairs(section, analysis)]

    before = family()
    assert [name for name, _ in before] == ["repeat/random/s2/n3"]
    submit(capsys, split, "another", 0.5, "--out", beside)
    assert family() == before
    code, out, _ = command(capsys, "compare", beside)
    assert code == 0 and "after the fact" not in out
    said = "Submitted rows are in no declared family, name them with --a and --b: "
    assert f"{said}{THEIRS}, submitted/another/s0/n0." in out


def test_two_submissions_without_a_run_are_compared_and_name_no_seed(split, capsys) -> None:
    submit(capsys, split, "theirs", 0.97, "--out", "alone")
    submit(capsys, split, "another", 0.3, "--out", "alone")
    code, out, _ = command(capsys, "compare", "alone", "--a", THEIRS, "--b", "submitted/another/s0/n0")
    assert code == 0 and "seed not known; 36 test images" in out and "seed 0" not in out
    assert "The seed of the split is not on record" in out
    _, out, _ = command(capsys, "compare", "alone", "--a", THEIRS, "--b", "submitted/another/s0/n0", "--json")
    values = json.loads(out)
    assert [one["seed"] for one in values["mcnemar"]] == [None]
    assert values["places"] == [{"seed": None, "fold": fold} for fold in range(FOLDS)]
    code, out, _ = command(capsys, "compare", "alone")
    assert code == 0 and "No row of this section has the declared reference." in out


def test_why_a_submission_cannot_be_compared_is_said_in_one_sentence(run_on_cells: Run, split, capsys) -> None:
    submit(capsys, split, "theirs", 0.97, "--out", "results/alone")
    run_on_cells(out=Path("results/run"), synthetic=[0])
    code, out, err = command(capsys, "compare", "results", "--a", THEIRS, "--b", OURS)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{THEIRS} stands alone, since no run was named whose test images are its split's" in err
    submit(capsys, split, "theirs", 0.97, "--out", "results/alone", "--results", "results/run")
    run_on_cells(out=Path("results/other"), synthetic=[0], classifier=["random"], seed=7)
    Path("results/run").rename("run")
    run_on_cells(out=Path("results/run"), synthetic=[3])
    code, _, err = command(capsys, "compare", "results", "--a", THEIRS, "--b", OURS)
    assert code == 2 and "never paired: they were not tested alike, but differ in seeds ((42,), (7,))." in err


def test_a_submission_stands_in_every_section_of_its_data_at_the_folds_run_there(
    run_on_cells: Run, split, capsys
) -> None:
    run_on_cells(out=Path("results/all"), synthetic=[0])
    run_on_cells(out=Path("results/some"), synthetic=[0], preset="paper", fold=[1])
    submit(capsys, split, "theirs", 0.97, "--out", "results/theirs", "--results", "results/all")
    sections = read_candidates([Path("results")])
    folds = {one.section.preset: len(one.trials) for section in sections for one in section if one.row.submitted}
    assert folds == {"pocket": FOLDS, "paper": 1}


def test_groups_of_the_run_count_for_the_submission_too(run_on_cells: Run, split, capsys) -> None:
    table = split[["path", "label"]].assign(path="cells/" + split["path"])
    table["group"] = [f"p{row // 2}" for row in range(len(table))]
    table.to_csv("cells.csv", index=False)
    made = command(capsys, "data", "split", "cells.csv", "--folds", FOLDS, "--out", "split.csv")
    assert made[0] == 0, made[2]
    divided = pd.read_csv("split.csv")
    run_on_cells(dataset="cells.csv", synthetic=[0])
    submit(capsys, divided, "theirs", 0.97, "--out", "out")
    submit(capsys, divided, "another", 0.5, "--out", "out")
    for a, b in ((THEIRS, OURS), (OURS, THEIRS), (THEIRS, "submitted/another/s0/n0")):
        _, out, err = command(capsys, "compare", "out", "--a", a, "--b", b, "--json")
        assert err == ""
        assert (json.loads(out)["n_groups"], json.loads(out)["over_images"]["unit"]) == (18, "group")
