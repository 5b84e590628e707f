"""The command ``compare``, on the recorded run of the embedded data and on mistakes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from cytobench.cli import main
from cytobench.storage.records import Record, write_record

RECORDED = Path(__file__).parents[3] / "results/phantom-strict-pocket"
A, B = "sd21-lora/clip/s16/n20", "none/clip/s0/n0"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["compare", *arguments])
    return ended.value.code


def test_two_rows_of_the_recorded_run(capsys) -> None:
    assert run(str(RECORDED), "--a", A, "--b", B) == 0
    out = capsys.readouterr()
    assert "801 test images, no groups known" in out.out
    assert "macro F1 *  0.640  0.599  +0.041" in out.out
    assert "One seed (42)" in out.out
    assert out.err == ""


def test_json_keeps_stdout_pure(capsys) -> None:
    assert run(str(RECORDED), "--a", A, "--b", B, "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert values["over_folds"]["f1_macro"]["difference"]["mean"] == pytest.approx(0.0406, abs=1e-4)
    assert values["mcnemar"][0]["table"] == [[623, 31], [29, 118]]


def test_without_rows_the_declared_comparisons_are_shown(capsys) -> None:
    assert run(str(RECORDED)) == 0
    text = capsys.readouterr().out
    assert "Headline: the N that validation chose" in text
    assert "no difference shown from the reference (N = 20, the only N)" in text
    assert run(str(RECORDED), "--json") == 0
    (section,) = json.loads(capsys.readouterr().out)["sections"]
    assert section["analysis"]["metric"] == "f1_macro"
    assert [one["verdict"] for one in section["comparisons"]] == ["not distinguishable"]
    assert [one["outcome"] for one in section["comparisons"]] == ["no difference shown"]
    (headline,) = section["headline"]
    assert (headline["row"]["row"], headline["reference"]["row"], headline["against"]) == (A, B, "reference")
    assert headline["gain_and_cost"]["words"] == "no difference shown"


def test_a_declared_baseline_is_what_the_headline_is_held_against(tmp_path: Path, capsys) -> None:
    for file in (RECORDED / "records").iterdir():
        values = json.loads(file.read_text())
        values["benchmark"]["analysis"] = {"baselines": ["none/*"]}
        table = pd.read_parquet(file.parent / values["predictions"])
        write_record(tmp_path, Record.model_validate(values), table)
    assert run(str(tmp_path)) == 0
    text = capsys.readouterr().out
    assert f"Best baseline of clip: {B}, the only one that could be chosen." in text
    assert "Headline: the N that validation chose, against the best baseline" in text
    assert run(str(tmp_path), "--json") == 0
    (section,) = json.loads(capsys.readouterr().out)["sections"]
    assert [one["against"] for one in section["headline"]] == ["best baseline"]
    assert [one["p_holm"] for one in section["comparisons"]] == pytest.approx([2 * 0.1208] * 2, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--a", A], "--a and --b go together"),
        (["--a", A, "--b", A], "are the same row"),
        (["--a", "sd21-lora/clp/s16/n20", "--b", B], f"Did you mean {A}?"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(capsys, arguments: list[str], words: str) -> None:
    assert run(str(RECORDED), *arguments) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err.count("\n") == 1
    assert words in out.err


def test_folders_without_results_are_the_users_mistake(tmp_path: Path, make_record, capsys) -> None:
    assert run(str(tmp_path / "absent")) == 2
    assert run(str(tmp_path)) == 2
    write_record(tmp_path, make_record(f1=None), None)
    assert run(str(tmp_path)) == 2
    assert "no finished trial" in capsys.readouterr().err


def test_a_run_without_its_predictions_has_declared_comparisons_but_no_images(tmp_path: Path, capsys) -> None:
    shutil.copytree(RECORDED / "records", tmp_path / "out/records")
    assert run(str(tmp_path / "out")) == 0
    assert "not there, so that its scores were not checked" in capsys.readouterr().out
    assert run(str(tmp_path / "out"), "--a", A, "--b", B) == 2
    assert "are missing" in capsys.readouterr().err
