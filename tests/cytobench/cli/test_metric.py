"""``--metric``: a stranger's metric in every output, one of a class, one that fails, one where lower is better."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cytobench.api import RunResult
from cytobench.cli import main
from cytobench.storage.records import Record, read_records, write_record

from ..conftest import recorded
from ..distributions import Site, metric

KAPPA = "from sklearn.metrics import cohen_kappa_score; return cohen_kappa_score(true, predicted)"
Run = Callable[..., RunResult]


@pytest.fixture
def out(small: Run, tmp_path: Path) -> Path:
    """A run of repeat and random on noise cells, two folds, before anything else was installed."""
    small(fold=[0, 1])
    return tmp_path / "out"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], site: Site) -> Callable[..., tuple[int, str, str]]:
    """A command in this process: exit code, stdout, stderr."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


def predictions(out: Path) -> Path:
    return sorted((out / "predictions").glob("repeat*.parquet"))[0]


def test_a_strangers_metric_is_in_every_output(
    out: Path, site: Site, call: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    site.install("cytobench-kappa", metric("kappa", KAPPA, range=(-1, 1)))
    for form, words in {
        "table": "Kappa",
        "markdown": "| test Kappa |",
        "csv": ",test,kappa,",
        "json": '"kappa": {',
        "latex": "Kappa",
        "html": "<th",
    }.items():
        code, text, err = call("leaderboard", out, "--format", form, "--metric", "kappa")
        assert (code, err) == (0, "") and words in text and "appa" in text, form
        if form not in ("csv", "json"):
            assert "Ranked by Kappa on test" in text, form
    assert "Kappa" in call("compare", out, "--metric", "kappa")[1]
    a, b = "repeat/random/s2/n3", "none/random/s0/n0"
    code, text, _ = call("compare", out, "--a", a, "--b", b, "--metric", "kappa", "--json")
    compared = json.loads(text)
    assert code == 0 and compared["metric"] == "kappa" and compared["over_folds"]["kappa"]["a"] is not None
    code, text, _ = call("figures", out, "--out", tmp_path / "figures", "--metric", "kappa", "--json")
    assert code == 0 and "curve-random-kappa" in [figure["name"] for figure in json.loads(text)]
    code, text, _ = call("report", out, "--out", tmp_path / "page", "--metric", "kappa")
    page = (tmp_path / "page" / "index.html").read_text()
    assert code == 0 and "Kappa, test" in page and "changes Kappa on test" in page
    code, text, _ = call("score", predictions(out), "--metric", "kappa", "--json")
    assert code == 0 and isinstance(json.loads(text)["splits"]["test"]["kappa"], float)
    assert "kappa" in call("score", predictions(out), "--metric", "kappa")[1]
    assert "Kappa: " in call("confusion", out, "--row", b, "--metric", "kappa")[1]


def test_a_run_keeps_it_and_records_know_it_where_it_is_gone(
    small: Run, site: Site, call: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    site.install("cytobench-kappa", metric("kappa", KAPPA, higher_is_better=True))
    small(fold=[0, 1], metric="kappa")
    records = read_records([tmp_path / "out"])
    assert all("kappa" in record.scores["test"] and "kappa" in record.metrics for record in records)
    shown = call("leaderboard", tmp_path / "out", "--metric", "kappa", "--format", "csv")
    site.uninstall("cytobench-kappa")
    assert call("leaderboard", tmp_path / "out", "--metric", "kappa", "--format", "csv") == shown
    code, _, err = call("score", predictions(tmp_path / "out"), "--metric", "kappa")
    assert code == 2 and "--metric kappa: no such metric." in err


def test_a_metric_that_fails_is_named_beside_its_row_and_spoils_nothing(
    out: Path, site: Site, call: Callable[..., tuple[int, str, str]]
) -> None:
    plain = call("leaderboard", out, "--format", "json")[1]
    site.install("cytobench-kappa", metric("kappa", "raise ValueError('no luck')"))
    code, text, err = call("leaderboard", out, "--metric", "mcc", "--metric", "kappa")
    assert (code, err) == (0, "")
    assert text.count("metric kappa failed: raised ValueError: no luck") == 2
    asked = ("--metric", "f1_macro", "--metric", "kappa")
    [section] = json.loads(call("leaderboard", out, *asked, "--format", "json")[1])["sections"]
    for row in section["rows"]:
        assert row.pop("metrics_failed") == {"kappa": {"reason": "raised ValueError: no luck", "times": 4, "of": 4}}
        assert {row["figures"][split].pop("kappa")["mean"] for split in ("test", "validation")} == {None}
    [before] = json.loads(plain)["sections"]
    assert section["rows"] == before["rows"]
    code, text, err = call("score", predictions(out), "--metric", "kappa", "--json")
    assert code == 0 and "Note: metric kappa failed: raised ValueError: no luck." in err
    test = json.loads(text)["splits"]["test"]
    assert test["kappa"] is None and test["failed"] == {"kappa": "raised ValueError: no luck"}
    assert test["accuracy"] is not None


def test_where_lower_is_better_the_lowest_is_first(out: Path, call: Callable[..., tuple[int, str, str]]) -> None:
    for file in (out / "records").glob("*.json"):
        values = json.loads(file.read_text())
        plain, fold = values["generator"] is None, values["protocol"]["fold"]
        right = math.exp(-(0.5 + fold / 1000 if plain else 0.9 + fold / 100))
        table = pd.read_parquet(file.parent / values["predictions"])
        sure = {f"p_{label}": np.where(table["label"] == label, right, (1 - right) / 2) for label in "ABC"}
        write_record(out, *recorded(values, table.assign(predicted=table["label"], **sure)))
    text = call("leaderboard", out, "--metric", "log_loss", "--format", "csv")[1]
    lines = [line for line in csv.DictReader(io.StringIO(text)) if line["split"] == "test"]
    ranks = {line["row"]: (line["rank"], line["best"]) for line in lines if line["metric"] == "log_loss"}
    assert ranks == {"none/random/s0/n0": ("1", "true"), "repeat/random/s2/n3": ("2", "false")}
    assert "Lower is better in log loss." in call("leaderboard", out, "--metric", "log_loss")[1]
    [family] = json.loads(call("compare", out, "--metric", "log_loss", "--json")[1])["sections"]
    assert family["headline"][0]["difference"]["mean"] == pytest.approx(0.4045, abs=1e-6)
    assert "loss against the reference" in call("compare", out, "--metric", "log_loss")[1]


def test_a_metric_of_one_class_as_the_one_declared(
    small: Run, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    small(fold=[0, 1], analysis={"metric": "recall:B"})
    text = call("compare", tmp_path / "out")[1]
    assert "Declared: test recall of B;" in text and "as asked for" not in text
    assert "recall of B" in call("leaderboard", tmp_path / "out")[1], "the metric that is declared is shown"
    text = call("compare", tmp_path / "out", "--metric", "recall:A")[1]
    assert "Compared by recall:A, as asked for: the benchmark declares recall:B." in text


def test_a_mistake_is_told_before_any_work(
    small: Run, out: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    for name, words in (("recall:a", "there is no class a. Did you mean A?"), ("mc", "Did you mean mcc?")):
        code, _, err = call("leaderboard", out, "--metric", name)
        assert code == 2 and err.startswith(f"Error: --metric {name}: ") and words in err
    with pytest.raises(Exception, match="metric='recall': this metric is of one class"):
        small(out=tmp_path / "never", metric=["recall"])
    assert not (tmp_path / "never").exists()


def test_an_old_record_is_completed_from_its_predictions_and_without_them_shows_none(
    out: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    expected = call("leaderboard", out, "--metric", "mcc", "--format", "csv")[1]
    for file in (out / "records").glob("*.json"):
        values = json.loads(file.read_text())
        del values["digest"]
        values["scores"] = {
            split: {name: scores[name] for name in ("accuracy", "f1_macro", "auc_macro")}
            for split, scores in values["scores"].items()
        }
        rewrite(file, values)
    assert call("leaderboard", out, "--metric", "mcc", "--format", "csv")[1] == expected
    for file in (out / "predictions").iterdir():
        file.unlink()
    code, text, _ = call("leaderboard", out, "--metric", "mcc", "--format", "json")
    [section] = json.loads(text)["sections"]
    assert code == 0 and {row["figures"]["test"]["mcc"]["mean"] for row in section["rows"]} == {None}


def rewrite(file: Path, values: dict[str, object]) -> None:
    from cytobench.storage.records.files import _digest

    Record.model_validate({**values, "digest": None})
    file.write_text(json.dumps({**values, "digest": _digest(values)}))
