"""``cytobench submit``: predictions of another system, checked row by row, recorded, marked and ranked."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from cytobench.analysis.leaderboard import leaderboard
from cytobench.cli import main
from cytobench.reporting.leaderboard import render
from cytobench.storage.records import predictions_of, read_record, read_records, rescore

from .conftest import FOLDS, Run


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def predictions(split: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Predictions of every test image by a system that is often right, in another order than the split's."""
    values = np.random.default_rng(seed).dirichlet(np.ones(3), len(split))
    values[np.arange(len(split)), ["ABC".index(label) for label in split["label"]]] += 0.7
    values /= values.sum(axis=1, keepdims=True)
    guessed = np.array(list("ABC"))[values.argmax(axis=1)]
    columns = {f"p_{label}": values[:, i] for i, label in enumerate("ABC")}
    return pd.DataFrame({"path": split["path"], "predicted": guessed, **columns}).sample(frac=1, random_state=seed)


def submit(capsys: pytest.CaptureFixture[str], table: pd.DataFrame, *arguments: object) -> tuple[int, str, str]:
    table.to_csv("p.csv", index=False)
    return command(capsys, "submit", "p.csv", "--split", "split.csv", "--name", "theirs", *arguments)


def test_a_submission_alone_is_recorded_scored_and_ranked_in_a_section_of_its_own(split, capsys) -> None:
    table = predictions(split)
    code, out, err = submit(capsys, table, "--out", "alone")
    assert (code, err) == (0, "") and "submitted/theirs/s0/n0: 3 folds" in out
    guessed = split.assign(predicted=split["path"].map(table.set_index("path")["predicted"]))
    for fold in range(FOLDS):
        file = Path(f"alone/records/submitted__theirs__s0__n0__fold{fold}.json")
        record, tested = read_record(file), guessed[guessed[f"fold{fold}"] == "test"]
        assert set(predictions_of(record, file)["path"]) == set(tested["path"])
        wanted = f1_score(tested["label"], tested["predicted"], average="macro", zero_division=0)
        assert record.scores["test"]["f1_macro"] == pytest.approx(wanted, abs=1e-12)
        assert rescore(file) == record.scores
        assert (record.device, record.dtype, record.seed, record.stages) == (None, None, None, [])
        assert record.submission is not None and record.submission.beside is None
    (section,) = leaderboard(read_records([Path("alone")])).sections
    (row,) = section.rows
    assert (row.rank, row.submitted, row.seconds, section.device) == (1, True, None, "")
    for format_ in ("table", "markdown", "latex", "html"):
        shown = render(leaderboard(read_records([Path("alone")])), format_)
        assert "SUBMITTED" in shown and "seed of the split is not on record" in shown


def test_a_submission_is_ranked_beside_a_run_on_the_same_split(run_on_cells: Run, split, capsys) -> None:
    run_on_cells()
    code, out, _ = submit(capsys, predictions(split), "--out", "theirs", "--results", "out")
    assert code == 0 and "beside the run in out" in out
    (section,) = leaderboard(read_records([Path("out"), Path("theirs")])).sections
    ranks = {row.row: row.rank for row in section.rows}
    assert ranks["submitted/theirs/s0/n0"] == 1 and None not in ranks.values() and len(ranks) == 3
    assert section.preset == "pocket" and section.device
    csv = pd.read_csv(io.StringIO(render(leaderboard(read_records([Path("out"), Path("theirs")])), "csv")))
    ours = csv[csv["row"] == "submitted/theirs/s0/n0"]
    unknown = ["device", "seconds", "seconds_paid", "images_per_second", "peak_memory_mib"]
    assert ours["submitted"].all() and ours[unknown].isna().all(axis=None)
    assert set(ours["preset"]) == set(ours["generator"]) == {"submitted"}


def test_the_run_in_out_is_found_and_a_run_can_go_on_beside_a_submission(run_on_cells: Run, split, capsys) -> None:
    run_on_cells(synthetic=[0])
    assert "beside the run in out" in submit(capsys, predictions(split), "--out", "out")[1]
    rows = run_on_cells().leaderboard.sections[0].rows
    assert {row.row for row in rows} == {"none/random/s0/n0", "repeat/random/s2/n3", "submitted/theirs/s0/n0"}
    assert all(row.rank for row in rows)


def test_a_submission_never_stands_beside_a_run_on_another_split(run_on_cells: Run, split, capsys) -> None:
    run_on_cells(seed=7, synthetic=[0])
    code, out, err = submit(capsys, predictions(split), "--out", "theirs", "--results", "out")
    assert (code, out) == (2, "") and "seed 7: fold 0 has other test images or labels" in err
    assert not Path("theirs").exists()
    assert submit(capsys, predictions(split), "--out", "theirs")[0] == 0
    assert len(leaderboard(read_records([Path("out"), Path("theirs")])).sections) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"folds": 4}, "it has 4 folds, the split 3"), ({"protocol": "cytodiff"}, "it tests synthetic images too")],
)
def test_what_keeps_a_submission_from_a_run_is_named(run_on_cells: Run, split, capsys, changes, said) -> None:
    run_on_cells(synthetic=[0], **changes)
    code, _, err = submit(capsys, predictions(split), "--out", "theirs", "--results", "out")
    assert code == 2 and said in err


def test_only_folds_that_the_run_has_are_recorded(run_on_cells: Run, split, capsys) -> None:
    run_on_cells(synthetic=[0], fold=[1])
    code, out, err = submit(capsys, predictions(split), "--out", "theirs", "--results", "out")
    assert code == 0 and "1 folds recorded" in out and "has no fold 0, 2" in err
    (section,) = leaderboard(read_records([Path("out"), Path("theirs")])).sections
    assert section.folds_declared == (1,) and all(row.rank for row in section.rows)


def test_all_that_does_not_fit_is_named_in_one_pass_and_nothing_is_written(split, capsys) -> None:
    table = predictions(split).sort_values("path", ignore_index=True)
    table = table.assign(label=table["path"].str[0], fold=table["path"].map(fold_of(split)))
    table.loc[0, "path"] = "A/99.png"
    table.loc[1, "label"] = "B"
    table.loc[2, "fold"] = (table.loc[2, "fold"] + 1) % FOLDS
    table = pd.concat([table, table.iloc[[20]]])
    code, out, err = submit(capsys, table, "--out", "alone")
    assert (code, out) == (2, "") and not Path("alone").exists()
    for said in ("A/99.png", "without a prediction:\n  A/00.png", "A/01.png: 'B', in the split 'A'", "A/02.png: fold",
                 "1 paths that are there twice:\n  B/08.png"):  # fmt: skip
        assert said in err, said


def fold_of(split: pd.DataFrame) -> dict[str, int]:
    return {
        path: fold for fold in range(FOLDS) for path in split.loc[split[f"fold{fold}"] == "test", "path"]
    }


def test_fold_and_label_of_the_file_may_agree_with_the_split(split, capsys) -> None:
    table = predictions(split)
    table = table.assign(fold=table["path"].map(fold_of(split)), label=table["path"].str[0], split="test")
    assert submit(capsys, table, "--out", "alone")[0] == 0


def test_validation_is_optional_and_then_complete(split, capsys) -> None:
    table = predictions(split)
    both = pd.concat([table.assign(split="test"), predictions(split, 1).assign(split="validation")])
    assert submit(capsys, both, "--out", "alone")[0] == 0
    assert set(read_records([Path("alone")])[0].scores) == {"test", "validation"}
    code, _, err = submit(capsys, both.iloc[:-1], "--out", "other")
    assert code == 2 and "1 validation images without a prediction" in err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.assign(predicted="D")[["path", "predicted"]], "labels that are no class of the split:\n  'D'"),
        (lambda t: t.drop(columns="path"), "has no column path"),
        (lambda t: t.assign(p_C=0.0, p_D=t["p_C"], predicted="A"), "columns p_LABEL of no class of the split:\n  p_D"),
        (lambda t: t.assign(split="train"), "split 'train' is neither test nor validation"),
        (lambda t: t.iloc[:0], "holds no predictions"),
    ],
)
def test_bad_predictions_are_refused(split, capsys, change, said) -> None:
    code, out, err = submit(capsys, change(predictions(split)), "--out", "alone")
    assert (code, out) == (2, "") and said in err and not Path("alone").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label\nA/00.png,A\n", "has no column fold0"),
        ("path,label,fold0\nA/00.png,A,tset\n", "has a part 'tset'"),
        ("path,label,fold0\nA/00.png,A,test\nA/00.png,A,test\n", "names A/00.png twice"),
        ("path,label,fold0,fold1\nA/00.png,A,test,test\n", "tested in several folds"),
        ("path,label,fold0\nA/00.png,A,train\n", "tests no image"),
        ("path,label,fold0\nsynthetic/A/0.png,A,test\n", "tests 1 synthetic images"),
        ("path,label,fold1\nA/00.png,A,test\n", "has no column fold0"),
    ],
)
def test_what_is_no_split_is_refused(split, capsys, text: str, said: str) -> None:
    Path("split.csv").write_text(text)
    code, _, err = submit(capsys, predictions(split), "--out", "alone")
    assert code == 2 and said in err


def test_synthetic_images_in_training_alone_do_not_matter(cells: Path, split, capsys) -> None:
    command(capsys, "data", "split", cells, "--folds", FOLDS, "--synthetic", 2, "--shots", 1, "--out", "split.csv")
    assert submit(capsys, predictions(split), "--out", "alone")[0] == 0
    assert read_records([Path("alone")])[0].dataset.n_images == 36


def test_a_class_left_to_training_is_left_out_of_the_scores(cells: Path, split, capsys) -> None:
    command(capsys, "data", "split", cells, "--folds", FOLDS, "--train-only", "C", "--out", "split.csv")
    table = predictions(split)
    assert submit(capsys, table[~table["path"].str.startswith("C")], "--out", "alone")[0] == 0
    assert read_records([Path("alone")])[0].evaluated == ["A", "B"]


def test_the_same_name_is_not_given_to_other_predictions(split, capsys) -> None:
    assert submit(capsys, predictions(split), "--out", "alone")[0] == 0
    assert submit(capsys, predictions(split), "--out", "alone")[0] == 0
    code, _, err = submit(capsys, predictions(split, 1), "--out", "alone")
    assert code == 2 and "holds other predictions of theirs" in err


def test_a_submission_that_stood_alone_can_be_put_beside_a_later_run(run_on_cells: Run, split, capsys) -> None:
    assert "alone" in submit(capsys, predictions(split), "--out", "out")[1]
    run_on_cells(synthetic=[0])
    assert len(leaderboard(read_records([Path("out")])).sections) == 2
    assert "beside the run in out" in submit(capsys, predictions(split), "--out", "out")[1]
    (section,) = leaderboard(read_records([Path("out")])).sections
    assert len(section.rows) == 2


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a b", "-x", "x" * 101])
def test_a_name_that_is_no_file_name_is_refused(split, capsys, name: str) -> None:
    predictions(split).to_csv("p.csv", index=False)
    code, _, err = command(capsys, "submit", "p.csv", "--split", "split.csv", f"--name={name}", "--out", "alone")
    assert code == 2 and "--name" in err and not Path("alone").exists()


def test_scores_submissions_and_their_leaderboard_need_no_torch(split, capsys) -> None:
    predictions(split).assign(label=lambda t: t["path"].str[0]).to_csv("p.csv", index=False)
    program = (
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch': raise ImportError('no torch here')\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        "from cytobench.cli import cytobench as call\n"
        "for line in sys.argv[1:]: call.main(line.split(), standalone_mode=False)\n"
        "assert 'torch' not in sys.modules\n"
    )
    lines = ["score p.csv --json", "submit p.csv --split split.csv --name theirs --out alone", "leaderboard alone",
             "confusion alone --row submitted/theirs/s0/n0"]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program, *lines], capture_output=True, text=True, check=False, env=os.environ.copy()
    )
    assert done.returncode == 0, done.stderr
    assert '"accuracy"' in done.stdout and "SUBMITTED" in done.stdout
