"""A recorded trial done again: equal where it is honest, and forged predictions are found, however well they fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cytobench
from cytobench.analysis.verification import Agreement, verify_record
from cytobench.api import RunResult
from cytobench.cli import main
from cytobench.storage.records import Record, predictions_of, read_record, write_record

from .conftest import recorded

TRIAL = "repeat__random__s2__n3__fold1"


@pytest.fixture
def out(small: Callable[..., RunResult], tmp_path: Path) -> Path:
    small(fold=[0, 1])
    return tmp_path / "out"


def forge(out: Path, trial: str) -> None:
    """Predictions that are all right, with the scores, counts and digests that fit."""
    file = out / "records" / f"{trial}.json"
    record = read_record(file)
    table = predictions_of(record, file)
    sure = {f"p_{label}": np.where(table["label"] == label, 0.8, 0.1) for label in "ABC"}
    values = record.model_dump(mode="json")
    write_record(out, *recorded(values, table.assign(predicted=table["label"], **sure)))
    assert read_record(file).scores["test"]["f1_macro"] == 1, "reading does not find it out"


def test_an_honest_trial_is_equal_and_its_folder_is_left_alone(small, out: Path, capsys) -> None:
    small(classifier=["clip"], set={"clip": {"epochs": 1}}, fold=[0])
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    for trial in (TRIAL, "repeat__clip__s2__n3__fold0", f"{out}/records/none__clip__s0__n0__fold0.json"):
        with pytest.raises(SystemExit) as ended:
            main(["verify", str(out), trial, "--json"])
        text, err = capsys.readouterr()
        assert text, err
        found = json.loads(text)
        assert (ended.value.code, found["agreement"], found["largest"]) == (0, "equal", 0)
        assert (found["scores"], found["conditions"]) == ([], [])
        assert found["images_equal"] == (None if "none" in trial else dict.fromkeys("ABC", True))
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before


def test_forged_predictions_are_found(out: Path, capsys) -> None:
    forge(out, TRIAL)
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(out), TRIAL, "--quiet"])
    text = capsys.readouterr().out
    assert ended.value.code == 1 and f"{TRIAL}: not equal" in text and "test f1_macro" in text


def test_other_data_are_no_ground_to_verify_on(out: Path, cells: Path) -> None:
    (cells / "A" / "00.png").write_bytes((cells / "B" / "00.png").read_bytes())
    with pytest.raises(cytobench.UserError, match="is not the data set of"):
        cytobench.verify(out, TRIAL)


def test_a_data_set_that_has_moved_is_named(out: Path, cells: Path, tmp_path: Path) -> None:
    cells.rename(tmp_path / "moved")
    with pytest.raises(cytobench.UserError, match="nothing is at this path"):
        cytobench.verify(out, TRIAL)
    found = cytobench.verify(out, TRIAL, dataset=tmp_path / "moved", out=tmp_path / "again")
    assert found.agreement is Agreement.EQUAL and (tmp_path / "again" / "store").is_dir()


@pytest.mark.parametrize(
    ("trial", "said"), [("repeat__random__s2__n3__fold7", "Did you mean repeat__random"), ("x", "no such trial")]
)
def test_a_trial_that_is_not_there_is_a_mistake(out: Path, trial: str, said: str) -> None:
    with pytest.raises(cytobench.UserError, match=said):
        cytobench.verify(out, trial)


def test_near_is_within_the_tolerance_in_every_probability(out: Path) -> None:
    file = out / "records" / f"{TRIAL}.json"
    record = read_record(file)
    table = predictions_of(record, file)

    def again(shift: float) -> tuple[Record, pd.DataFrame]:
        moved = table.assign(p_A=table["p_A"] + shift)
        return record, moved

    assert verify_record(record, table, *again(0)).agreement is Agreement.EQUAL
    assert verify_record(record, table, *again(0.005)).agreement is Agreement.NEAR
    assert verify_record(record, table, *again(0.02)).agreement is Agreement.UNLIKE
    assert verify_record(record, table, *again(0.02), tolerance=0.05).agreement is Agreement.NEAR
    lacking = verify_record(record, table, record, table.iloc[1:])
    assert (lacking.agreement, lacking.unmatched, lacking.largest) == (Agreement.UNLIKE, 1, 1)
