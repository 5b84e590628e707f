"""Every format says the same, and what records hold never becomes markup."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

from cytobench.analysis.leaderboard import leaderboard
from cytobench.analysis.published import with_published
from cytobench.reporting.leaderboard import render
from cytobench.storage.records import Record

DOCS = Path(__file__).parents[4] / "docs"
TEXTS = ("table", "markdown", "csv", "json", "latex", "html")


@pytest.fixture
def board(make_record):
    arms = {("sd21-lora", "clip"): 0.5, (None, "clip"): 0.4, ("repeat", "timm:resnet18"): 0.3}
    return leaderboard(
        [
            make_record(fold, generator=generator, classifier=classifier, f1=f1 + fold / 100)
            for (generator, classifier), f1 in arms.items()
            for fold in range(5)
        ]
    )


@pytest.mark.parametrize("name", TEXTS)
def test_every_format_says_preset_and_what_ran(board, name: str) -> None:
    text = render(board, name)
    for word in (
        "pocket",
        "tiny-sd 1a2b",
        "TinyUNet",
        "tiny-clip 9f8e",
        "TinyViT",
        "64 px",
        "Test CPU, 2 cores",
    ):
        assert word in text


@pytest.mark.parametrize("name", ["table", "markdown", "latex", "html"])
def test_tables_show_mean_and_sd(board, name: str) -> None:
    plus_minus = "$\\pm$" if name == "latex" else "±"
    assert f"0.520{plus_minus}0.016" in render(board, name)


def test_csv_is_one_line_a_row_split_and_metric_with_the_promised_columns_first(board) -> None:
    text = render(board, "csv")
    assert text.startswith(
        "dataset,protocol,preset,generator,classifier,shots,n_synthetic,split,metric,mean,std,folds,row,"
    )
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == 3 * 2 * 3
    (line,) = [
        line
        for line in lines
        if (line["row"], line["split"], line["metric"]) == ("none/clip/s0/n0", "test", "f1_macro")
    ]
    assert (line["generator"], line["shots"], line["n_synthetic"], line["folds"]) == ("none", "0", "0", "5")
    assert float(line["mean"]) == pytest.approx(0.42)
    assert (line["rank"], line["complete"], line["best"]) == ("2", "true", "false")


def test_json_holds_every_figure(board) -> None:
    (section,) = json.loads(render(board, "json"))["sections"]
    best = section["rows"][0]
    assert best["row"] == "sd21-lora/clip/s16/n20"
    assert best["figures"]["test"]["f1_macro"]["best"] is True
    assert best["figures"]["validation"]["auc_macro"]["folds"] == 5


def test_the_best_is_bold(board) -> None:
    assert "**0.520±0.016**" in render(board, "markdown")
    assert "**0.420" not in render(board, "markdown")
    assert r"\textbf{0.520$\pm$0.016}" in render(board, "latex")
    assert "<strong>0.520±0.016</strong>" in render(board, "html")


def test_the_figures_of_a_table_fit_into_100_columns(board) -> None:
    lines = render(board, "table").splitlines()
    header = next(number for number, line in enumerate(lines) if line.startswith("#"))
    figures = [line for line in lines[header:] if "±" in line and not line.startswith("Mean")]
    assert len(figures) == 8
    assert max(map(len, figures)) <= 100


def test_at_80_columns_no_line_is_longer_and_every_figure_is_there(board, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = render(board, "table")
    monkeypatch.setenv("COLUMNS", "80")
    narrow = render(board, "table")
    assert max(len(line.rstrip()) for line in narrow.splitlines()) <= 80
    figures = re.compile(r"\d\.\d{3}±\d\.\d{3}")
    assert figures.findall(narrow) == figures.findall(wide) != []
    assert "1    sd21-lora / clip, shots 16, N 20" in narrow
    monkeypatch.setenv("COLUMNS", "200")
    assert "accuracy     macro F1     AUC          time" in render(board, "table")


def test_csv_comes_back_with_every_figure(board) -> None:
    table = pd.read_csv(io.StringIO(render(board, "csv")))
    rows = {row["row"]: row for row in json.loads(render(board, "json"))["sections"][0]["rows"]}
    assert len(table) == sum(len(metrics) for row in rows.values() for metrics in row["figures"].values())
    for line in table.itertuples():
        figure = rows[line.row]["figures"][line.split][line.metric]
        assert (line.mean, line.std, line.folds) == (figure["mean"], figure["std"], figure["folds"])
    again = io.StringIO()
    table.to_csv(again, index=False)
    assert pd.read_csv(io.StringIO(again.getvalue())).equals(table)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("published", [False, True])
def test_latex_compiles_with_booktabs(make_values, tmp_path: Path, published: bool) -> None:
    dataset = {**make_values()["dataset"], "name": r"a_b & 50% {x} \y ~^"}
    records = [Record.model_validate({**make_values(fold), "dataset": dataset}) for fold in range(5)]
    board = leaderboard(records)
    if published:
        board = with_published(board, records)
    (tmp_path / "board.tex").write_text(render(board, "latex"))
    (tmp_path / "paper.tex").write_text(
        "\\documentclass[twocolumn]{article}\n\\usepackage[margin=2cm]{geometry}\n\\usepackage[T1]{fontenc}\n"
        "\\usepackage{booktabs}\n\\begin{document}\n\\input{board}\n\\end{document}\n"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").stat().st_size > 1000
    assert "Overfull" not in done.stdout


def test_json_keeps_its_schema(board, make_record) -> None:
    schema = json.loads((DOCS / "schema" / "leaderboard.json").read_text())
    judge = jsonschema.Draft202012Validator(schema)
    records = [make_record(0), make_record(1, f1=None)]
    failed = with_published(leaderboard(records), records)
    for one in (board, failed):
        judge.validate(json.loads(render(one, "json")))


def test_the_schema_of_records_is_the_published_one() -> None:
    """To write it anew: ``{"$schema": ..., **Record.model_json_schema()}`` with an indent of 1."""
    schema = json.loads((DOCS / "schema" / "record.json").read_text())
    assert schema.pop("$schema") == "https://json-schema.org/draft/2020-12/schema"
    assert schema == Record.model_json_schema()


class Tags(HTMLParser):
    """Collects the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)


def test_names_do_not_become_markup(make_record, make_values) -> None:
    dataset = {**make_values()["dataset"], "name": "<script>alert(1)</script> 50%_a&b|c"}
    ran = {"weights": "</td><img src=x> [bold]x[/bold]", "architecture": "a_b{c}\\d", "resolution": None}
    classifier = {**make_values()["classifier"], "ran": ran}
    values = {**make_values(), "dataset": dataset, "classifier": classifier}
    board = leaderboard([type(make_record()).model_validate(values)])
    parser = Tags()
    parser.feed(render(board, "html"))
    assert not parser.seen & {"script", "img"}
    assert r"50\%\_a\&b|c" in render(board, "latex")
    assert r"a\_b\{c\}\textbackslash{}d" in render(board, "latex")
    assert r"\<script\>" in render(board, "markdown")
    assert r"b\|c" in render(board, "markdown")
    assert "[bold]x[/bold]" in render(board, "table")


def test_a_page_loads_nothing(board) -> None:
    text = render(board, "html")
    assert "http" not in text
    assert "src=" not in text


def test_every_format_says_which_rows_are_not_told_from_the_best(make_record) -> None:
    near = {"best": [0.6, 0.7, 0.65, 0.72, 0.68], "near": [0.64, 0.62, 0.7, 0.66, 0.69]}
    scores = {**near, "far": [0.1, 0.2, 0.14, 0.2, 0.15]}
    board = leaderboard(
        [make_record(fold, generator=name, f1=f1) for name, own in scores.items() for fold, f1 in enumerate(own)]
    )
    assert [row.standing for row in board.sections[0].rows] == ["best", "not distinguishable", "below"]
    for name in ("table", "markdown", "latex", "html"):
        text = render(board, name)
        assert "not distinguishable from the best row" in text
        assert "2 $\\approx$" in text if name == "latex" else "2 ≈" in text
    lines = list(csv.DictReader(io.StringIO(render(board, "csv"))))
    assert [line["standing"] for line in lines[::6]] == ["best", "not distinguishable", "below"]
    assert float(lines[-1]["p_best"]) < 0.05 < float(lines[6]["p_best"])
    (section,) = json.loads(render(board, "json"))["sections"]
    assert [row["standing"] for row in section["rows"]] == ["best", "not distinguishable", "below"]
    assert [row["p_best"] is None for row in section["rows"]] == [True, False, False]


@pytest.mark.parametrize("name", TEXTS)
def test_third_party_plugins_are_marked_with_distribution_and_version(make_values, name: str) -> None:
    values = make_values()
    outside = values["generator"] | {"distribution": "cytobench-turned", "version": "0.7"}
    own, theirs = Record.model_validate(values), Record.model_validate({**values, "generator": outside})
    text = render(leaderboard([theirs]), name)
    if name == "csv":
        (maker,) = {line["distributions"] for line in csv.DictReader(io.StringIO(text))}
        assert maker == "generator cytobench-turned 0.7; classifier cytobench 0.1.0"
        return
    if name == "json":
        (row,) = json.loads(text)["sections"][0]["rows"]
        assert [(one["part"], one["distribution"], one["built_in"]) for one in row["distributions"]] == [
            ("generator", "cytobench-turned", False),
            ("classifier", "cytobench", True),
        ]
        return
    mark = "sd21-lora " + ("$\\dagger$" if name == "latex" else "†")
    assert mark in text
    assert "third-party: generator of cytobench-turned 0.7" in text
    assert mark not in render(leaderboard([own]), name)
