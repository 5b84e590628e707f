"""``cytobench score``: scikit-learn's own figures, and bad files refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from cytobench.cli import main
from cytobench.errors import UserError
from cytobench.exchange.submitted.predictions import read_predictions
from cytobench.exchange.submitted.score import score

NEEDED = ("label", "predicted")


def random_table(seed: int, n: int = 60, classes: str = "ABCD", present: str = "ABCD") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = rng.dirichlet(np.ones(len(classes)), n)
    labels = rng.choice(list(present), n)
    labels[: len(present)] = list(present)
    columns = {f"p_{label}": values[:, i] for i, label in enumerate(classes)}
    return pd.DataFrame({"label": labels, "predicted": np.array(list(classes))[values.argmax(axis=1)], **columns})


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["score", *map(str, arguments)])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(4, 40))
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_scores_are_those_of_scikit_learn(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, seed: int, n: int
) -> None:
    table = random_table(seed, n)
    file = tmp_path_factory.mktemp("score") / f"p.{suffix}"
    table.to_csv(file, index=False) if suffix == "csv" else table.to_parquet(file)
    found = score(read_predictions(file, NEEDED))[None]
    p = table[[f"p_{label}" for label in "ABCD"]].to_numpy()
    wanted = {
        "n": n,
        "accuracy": accuracy_score(table["label"], table["predicted"]),
        "f1_macro": f1_score(table["label"], table["predicted"], labels=list("ABCD"), average="macro", zero_division=0),
        "auc_macro": roc_auc_score(table["label"], p / p.sum(axis=1, keepdims=True), multi_class="ovr"),
    }
    assert found == pytest.approx(wanted, abs=1e-12, rel=0)


def test_f1_counts_every_class_of_the_file_and_the_auc_those_present(tmp_path: Path) -> None:
    table = random_table(1, classes="ABCDE", present="ABC")
    table.to_csv(tmp_path / "p.csv", index=False)
    found = score(read_predictions(tmp_path / "p.csv", NEEDED))[None]
    assert found["f1_macro"] == pytest.approx(
        f1_score(table["label"], table["predicted"], labels=list("ABCDE"), average="macro", zero_division=0), abs=1e-12
    )
    areas = [roc_auc_score(table["label"] == label, table[f"p_{label}"]) for label in "ABC"]
    assert found["auc_macro"] == pytest.approx(np.mean(areas), abs=1e-12)


def test_json_has_the_promised_keys_and_a_null_auc_without_probabilities(tmp_path: Path, capsys) -> None:
    (tmp_path / "p.csv").write_text("label,predicted\nNA,NA\nEOS,NA\n")
    code, out, err = command(capsys, tmp_path / "p.csv", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"n": 2, "accuracy": 0.5, "f1_macro": pytest.approx(1 / 3), "auc_macro": None}


def test_splits_are_scored_apart_and_one_split_keeps_the_promised_keys(tmp_path: Path, capsys) -> None:
    table = random_table(2).assign(split=["validation"] * 20 + ["test"] * 40)
    table.to_parquet(tmp_path / "both.parquet")
    table[table["split"] == "test"].to_parquet(tmp_path / "test.parquet")
    both = json.loads(command(capsys, tmp_path / "both.parquet", "--json")[1])
    alone = json.loads(command(capsys, tmp_path / "test.parquet", "--json")[1])
    assert both["splits"]["test"] == alone and both["splits"]["validation"]["n"] == 20
    shown = command(capsys, tmp_path / "both.parquet")[1]
    assert "validation" in shown and f"{alone['f1_macro']:.4f}" in shown


def test_predictions_on_record_score_as_in_the_record(capsys) -> None:
    results = Path("results/phantom-strict-pocket")
    name = "sd21-lora__clip__s16__n20__fold0"
    code, out, _ = command(capsys, results / "predictions" / f"{name}.parquet", "--json")
    recorded = json.loads((results / "records" / f"{name}.json").read_text())["scores"]["test"]
    found = json.loads(out)["splits"]["test"]
    assert code == 0 and found.pop("n") == 160
    assert found == pytest.approx(recorded, abs=1e-12)


def test_what_is_odd_but_no_mistake_is_noted_on_stderr(tmp_path: Path, capsys) -> None:
    (tmp_path / "p.csv").write_text("age,label,predicted,p_A,p_B\n9,A,A,0.4,0.6\n8,B,A,0.5,0.5\n7,B,B,0.1,0.9\n")
    code, out, err = command(capsys, tmp_path / "p.csv", "--json")
    assert code == 0 and json.loads(out)["n"] == 3
    assert "not used: age" in err and "not the class of the highest probability in row 1;" in err


def test_a_predicted_class_that_no_image_has_is_counted_and_noted(tmp_path: Path, capsys) -> None:
    (tmp_path / "p.csv").write_text("label,predicted\nEOS,EOS\nBAS,BAS\nEOS,eos\n")
    code, out, err = command(capsys, tmp_path / "p.csv", "--json")
    assert code == 0 and json.loads(out)["f1_macro"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert "the label of no image: 'eos'; macro F1 counts them" in err
    assert "probably one class, written in several ways: 'EOS' and 'eos'; each way counts" in err


BAD = {
    "no label": ("predicted\nA\n", "has no column label"),
    "another name": ("label,prediction\nA,A\n", "has no column predicted. Is it the column prediction?"),
    "misspelt besides": ("label,predicted,Path\nA,A,x\n", "Did you mean path?"),
    "probabilities by another name": ("label,predicted,prob_A\nA,A,1\n", "named p_LABEL"),
    "two columns of one name": ("label,predicted,label\nA,A,B\n", "two columns named label"),
    "nothing": ("", "is empty"),
    "no rows": ("label,predicted\n", "holds no predictions"),
    "no label in a row": ("label,predicted\nA,A\n,A\n", "the column label is empty in row 2"),
    "NaN predicted": ("label,predicted\nA,nan\nB,NaN\n", "predicted is empty in 2 rows, first row 1"),
    "NaN probability": ("label,predicted,p_A,p_B\nA,A,nan,1\n", "p_A is no finite number in row 1"),
    "no number": ("label,predicted,p_A,p_B\nA,A,high,1\n", "p_A is no finite number"),
    "logits": ("label,predicted,p_A,p_B\nA,A,3.5,-1\n", "p_A is 3.5 in row 1; a probability is 0 to 1"),
    "sum": ("label,predicted,p_A,p_B\nA,A,0.9,0.9\n", "sum to 1.8, not to 1, in row 1"),
    "predicted no class": ("label,predicted,p_A,p_B\nA,C,0.9,0.1\n", "predicted C is no class of the file"),
    "label no class": ("label,predicted,p_A,p_B\nC,A,0.9,0.1\n", "label C is no class of the file"),
    "one class": ("label,predicted\nA,A\nA,A\n", "knows one class alone, A"),
    "unknown": ("label,predicted\nA,0\nB,1\n", "no prediction is one of its labels (predicted: 0, 1; labels: A, B)"),
    "twice": ("path,label,predicted\nx.png,A,A\nx.png,B,A\n", "x.png is predicted twice (row 2)"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD.keys())
def test_bad_files_are_refused_with_one_sentence(tmp_path: Path, capsys, text: str, said: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    code, out, err = command(capsys, tmp_path / "p.csv", "--json")
    assert (code, out) == (2, "") and said in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content"), [("p.parquet", b"nope"), ("p.csv", bytes(range(256))), ("p.xlsx", b""), ("p.csv", b'a,"b\nc')]
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=r"p\.\w+"):
        read_predictions(tmp_path / name, NEEDED)
    with pytest.raises(UserError, match="is no file"):
        read_predictions(tmp_path / "none.csv", NEEDED)
