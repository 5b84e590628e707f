"""One table, a writer for each format, the same cells; what a cell holds is text to every one of them."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from cytobench.analysis.leaderboard import Leaderboard, leaderboard
from cytobench.metrics.built_in import BUILT_IN
from cytobench.reporting.leaderboard import FORMATS, render, to_dataframe
from cytobench.reporting.leaderboard.tables import MAJORITY, split_table, wide_table
from cytobench.reporting.page.tables import leaderboard_table
from cytobench.reporting.tables import Cell, Column, Kind, Table, TableRow, latex, markdown, texts
from cytobench.reporting.tables.html import to_html
from cytobench.reporting.tables.terminal import print_table, text_lines
from cytobench.reporting.words import SPLIT_NAMES

COLUMNS = (Column("row"), Column("N", Kind.COUNT), Column("F1", Kind.SCORE, "our"), Column("AUC", Kind.SCORE, "our"))
TABLE = Table(
    "Any table",
    COLUMNS,
    (
        TableRow((Cell("a/b"), Cell("5", "5"), Cell("0.512±0.031", "0.512", best=True), Cell("-", "-1"))),
        TableRow((Cell("none"), Cell("100", "100"), Cell("0.4±0.1"), Cell("0.500")), "reference"),
    ),
)
Rows = list[list[str]]


class Cells(HTMLParser):
    """The cells of every table of a page, row by row, a best one between stars; and all tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: Rows = []
        self.tags: set[str] = set()
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
            self.inside = True
        elif tag == "strong" and self.inside:
            self.rows[-1][-1] += "**"

    def handle_endtag(self, tag: str) -> None:
        if tag == "strong" and self.inside:
            self.rows[-1][-1] += "**"
        self.inside = self.inside and tag not in ("th", "td")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += " ".join(data.split())


def of_markdown(text: str) -> Rows:
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]
    return [[re.sub(r"\\(.)", r"\1", cell.strip()) for cell in line] for line in [lines[0], *lines[2:]]]


def of_latex(text: str) -> Rows:
    body = text.partition("\\toprule")[2].partition("\\bottomrule")[0]
    lines = [line.removesuffix(" \\\\").split(" & ") for line in body.splitlines() if line.endswith(" \\\\")]
    return [[_plain(cell.strip()) for cell in line] for line in lines]


def _plain(cell: str) -> str:
    text = re.sub(r"^\\textbf\{(.*)\}$", r"**\1**", cell)
    for written, meant in (("$\\pm$", "±"), ("$\\approx$", "≈"), ("\\_", "_"), ("\\#", "#")):
        text = text.replace(written, meant)
    return text


def of_model(table: Table, grouped: bool = True) -> Rows:
    heading = [column.heading if grouped else column.name for column in table.columns]
    return [heading, *([f"**{cell.text}**" if cell.best else cell.text for cell in row.cells] for row in table.rows)]


def test_every_writer_writes_the_same_cells() -> None:
    assert Cells(to_html(TABLE, "one")).rows == of_model(TABLE)
    assert of_markdown(markdown.to_markdown(TABLE)) == of_model(TABLE)
    assert of_latex(latex.to_latex(TABLE)) == of_model(TABLE, grouped=False)
    heading, *lines = [re.split(r" {2,}", line.strip()) for line in text_lines(TABLE)]
    assert heading == ["row", "N", "our F1", "AUC"]  # the first of a group has its name
    assert lines == [[cell.text for cell in row.cells] for row in TABLE.rows]


def test_a_group_stands_over_its_columns_in_latex() -> None:
    line = latex.to_latex(TABLE).partition("\\toprule\n")[2].splitlines()[0]
    assert line == " & & \\multicolumn{2}{c}{our} \\\\ \\cmidrule(lr){3-4}"


def test_where_lines_are_too_long_each_row_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    console = Console(file=io.StringIO(), width=24)
    print_table(TABLE, console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= 24
    assert " ".join(" ".join(lines).split()) == (
        "a/b N 5; our F1 0.512±0.031; AUC - none N 100; our F1 0.4±0.1; AUC 0.500"
    )


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="has not 2 cells"):
        texts(["a", "b"], [["1"]])


HOSTILE = "<script>alert(1)</script> \x1b[31m\x07 | a_b & 50% {x} \\y $z$ ~^# [bold]b[/bold]\nnext"


def test_hostile_text_is_text_in_every_format() -> None:
    table = texts([HOSTILE, "b"], [[HOSTILE, "1"]], title=HOSTILE)
    assert not Cells(to_html(table, "one")).tags & {"script"}
    heading, _, row = markdown.to_markdown(table).splitlines()
    assert heading.startswith("| \\<script\\>") and len(re.findall(r"(?<!\\)\|", row)) == 3
    tex = latex.to_latex(table)
    assert r"a\_b \& 50\% \{x\} \textbackslash{}y \$z\$ \textasciitilde{}\textasciicircum{}\#" in tex
    assert len(of_latex(tex)) == 2 and "<" not in tex
    lines = text_lines(table)
    assert len(lines) == 2 and "[bold]b[/bold] next" in lines[1]
    assert not any(re.search(r"[\x00-\x1f]", line) for line in lines)


METRICS = (
    replace(BUILT_IN["mcc"], digits=2),
    BUILT_IN["f1_macro"],
    BUILT_IN["ece"],
    replace(BUILT_IN["f1"], name="f1:EOS", label="EOS"),
)
"""Another number of metrics than the study's, one of which is better where it is lower, and one of a class."""


@pytest.fixture
def board(make_record) -> Leaderboard:
    """Three rows in other metrics than the study's, ranked by one of which less is better."""
    errors = {"sd21-lora": 0.1, "repeat": 0.3, None: 0.2}
    records = [
        make_record(
            fold,
            generator=generator,
            scores={
                split: {"mcc": 1 - 4 * ece, "f1_macro": 0.5, "ece": ece + fold / 100, "f1:EOS": 0.123}
                for split in ("validation", "test")
            },
        )
        for generator, ece in errors.items()
        for fold in range(5)
    ]
    return leaderboard(records, METRICS, ranked_by=METRICS[2])


def test_a_rank_goes_by_the_direction_of_its_metric(board: Leaderboard) -> None:
    (section,) = board.sections
    assert [row.generator for row in section.rows] == ["sd21-lora", "none", "repeat"]
    assert [row.rank for row in section.rows] == [1, 2, 3]
    assert [("test", "ece") in row.best for row in section.rows] == [True, False, False]
    assert [row.standing for row in section.rows] == ["best", "not known", "not known"]  # the same in every fold


def test_every_format_has_every_metric_that_is_asked_for(board: Leaderboard) -> None:
    (section,) = board.sections
    wide, split = wide_table(section), split_table(section, MAJORITY, SPLIT_NAMES)
    names = [f"{split} {metric.title}" for split in ("test", "validation") for metric in METRICS]
    assert [column.heading for column in wide.columns[5:-2]] == names
    assert Cells(render(board, "html")).rows == of_markdown(render(board, "markdown")) == of_model(wide)
    assert of_latex(render(board, "latex")) == of_model(split)
    scores = {cell for row in of_model(wide) for cell in row}
    assert {"**0.60±0.00**", "-0.20±0.00", "**0.120±0.016**", "0.320±0.016", "**0.123±0.000**"} <= scores
    assert [cell for cell in of_model(leaderboard_table(section))[0] if ", test" in cell] == [
        "ECE, test", "MCC, test", "macro F1, test", "F1 of EOS, test"
    ]  # fmt: skip
    assert set(to_dataframe(board)["metric"]) == {metric.name for metric in METRICS}
    (values,) = json.loads(render(board, "json"))["sections"]
    assert set(values["rows"][0]["figures"]["test"]) == {metric.name for metric in METRICS}
    assert all("Ranked by ECE on test" in render(board, name) for name in ("table", "markdown", "latex", "html"))


@pytest.mark.parametrize("width", [40, 60, 100, 300])
def test_a_terminal_of_any_width_has_every_score(
    board: Leaderboard, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = render(board, "table").splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for score in ("0.120±0.016", "-0.20±0.00", "0.320±0.016", "0.123±0.000"):
        assert score in text
    assert all(metric.title in text for metric in METRICS)


def test_no_format_is_left_out_here() -> None:
    assert set(FORMATS) == {"markdown", "csv", "json", "latex", "html"}
