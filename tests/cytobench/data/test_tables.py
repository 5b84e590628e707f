"""Tables that people bring: two columns of one name and uneven rows are refused wherever a table comes in."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cytobench.cli import main
from cytobench.data.tables import read_table
from cytobench.errors import UserError

RUN = ("--preset", "pocket", "--classifier", "random", "--folds", "3", "--device", "cpu", "--out", "out")
DOUBLE = {
    "manifest": "path,label,group,group\nA/00.png,A,x,p\n",
    "key table": "FILE,PATIENT,PATIENT\n00,x,p\n",
    "predictions": "label,predicted,label\nA,A,B\n",
    "submitted": "path,predicted,predicted\nA/00.png,A,B\n",
    "split": "path,label,fold0,label\nA/00.png,A,test,B\n",
    "trained on": "path,why,path\nA/00.png,x,A/01.png\n",
    "select": "path,why,path\nA/00.png,x,A/01.png\n",
}
MORE = {
    "manifest": "path,label,group\nA/00.png,A,dark, large,P0\n",
    "key table": "FILE,NOTE,PATIENT\n00,dark, large,P0\n",
    "predictions": "label,predicted\nA,A,B\n",
    "submitted": "path,predicted\nA/00.png,A,B\n",
    "split": "path,label,fold0\nA/00.png,A,B,test\n",
    "trained on": "path\nA/00.png,A/01.png\n",
    "select": "path\nA/00.png,A/01.png\n",
}
FEWER = {
    "manifest": "path,label,group\nA/00.png,A\n",
    "key table": "FILE,NOTE,PATIENT\n00,P0\n",
    "predictions": "label,predicted\nA\n",
    "submitted": "path,predicted\nA/00.png\n",
    "split": "path,label,fold0\nA/00.png,A\n",
    "trained on": "path,why\nA/00.png\n",
    "select": "path,why\nA/00.png\n",
}
COMMANDS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "manifest": lambda file: ("data", "split", file, "--out", "s.csv"),
    "key table": lambda file: ("data", "manifest", "cells", "--table", file, "--key", "FILE", "--group", "PATIENT"),
    "predictions": lambda file: ("score", file),
    "submitted": lambda file: ("submit", file, "--split", "fits.csv", "--name", "x", "--out", "out"),
    "split": lambda file: ("submit", "good.csv", "--split", file, "--name", "x", "--out", "out"),
    "trained on": lambda file: (
        *("run", "--dataset", "cells", "--generator", "folder", "--set", "folder.path=cells", "--synthetic", "1"),
        *("--trained-on", file, *RUN),
    ),
    "select": lambda file: (
        *("run", "--dataset", "cells", "--generator", "repeat", "--synthetic", "1", "--shots", "1"),
        *("--select", file, *RUN),
    ),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with classes A and B of six images each in ``cells``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    for number in range(12):
        file = tmp_path / "cells" / "AB"[number // 6] / f"{number % 6:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (9, 9, 3), np.uint8)).save(file)
    (tmp_path / "good.csv").write_text("path,predicted\nA/00.png,A\n")
    (tmp_path / "fits.csv").write_text("path,label,fold0\nA/00.png,A,test\n")
    return tmp_path


@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize(
    ("files", "said"),
    [(DOUBLE, "two columns named"), (MORE, "line 2: "), (FEWER, "line 2: ")],
    ids=["two columns of one name", "a field too many", "a field too few"],
)
def test_what_is_ambiguous_is_refused_wherever_a_table_comes_in(
    place: Path, capsys: pytest.CaptureFixture[str], kind: str, files: dict[str, str], said: str
) -> None:
    file = "cells/table.csv" if kind == "manifest" else "table.csv"
    Path(file).write_text(files[kind])
    with pytest.raises(SystemExit) as ended:
        main(list(COMMANDS[kind](file)))
    err = capsys.readouterr().err
    assert ended.value.code == 2 and said in err and "table.csv" in err and err.count("\n") == 1
    assert not Path("out").exists() and not Path("s.csv").exists() and not Path("cells/manifest.csv").exists()


def test_the_line_and_the_fields_are_named(tmp_path: Path) -> None:
    file = tmp_path / "notes.csv"
    file.write_text('FILE,NOTE,PATIENT\n0,"large,\ndark",P0\n\n1,large, dark,P1\n')
    with pytest.raises(UserError) as refused:
        read_table(file, "--table notes.csv")
    message = str(refused.value)
    assert message.startswith("--table notes.csv, line 5: 4 fields ('1', 'large', ' dark', 'P1') under 3 columns")
    assert "(FILE, NOTE, PATIENT)" in message and "quotation marks" in message


@pytest.mark.parametrize("second", ["group", " group", "group "])
def test_names_that_differ_by_outer_spaces_alone_are_one(tmp_path: Path, second: str) -> None:
    file = tmp_path / "t.csv"
    file.write_text(f"path,group,{second}\na,b,c\n")
    with pytest.raises(UserError, match="two columns named group"):
        read_table(file, "t.csv")


def test_spreadsheets_are_read_as_texts_and_their_double_columns_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["FILE", "PATIENT", None], [7, "007", None], ["NA", None, None]):
        sheet.append(row)
    book.save(tmp_path / "t.xlsx")
    table = read_table(tmp_path / "t.xlsx", "t.xlsx", (".xlsx",))
    assert table.to_dict("list") == {"FILE": ["7", "NA"], "PATIENT": ["007", ""]}
    sheet["C1"] = "PATIENT"
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(UserError, match="two columns named PATIENT"):
        read_table(tmp_path / "t.xlsx", "t.xlsx", (".xlsx",))


def test_columns_without_a_name_and_blank_lines_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\ufeff,path,,label,\r\n0,a,,NA,\r\n\r\n  \r\n1,007,,,\r\n", newline="")
    table = read_table(tmp_path / "t.csv", "t.csv")
    assert table.to_dict("list") == {"path": ["a", "007"], "label": ["NA", ""]}


cell = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=6)


@settings(deadline=None)
@given(st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), max_size=5)))
def test_what_pandas_writes_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    file = tmp_path_factory.mktemp("t") / "t.csv"
    width = len(rows[0]) if rows else 2
    names = [f"c{number}" for number in range(width)]
    pd.DataFrame(rows, columns=names, dtype=str).to_csv(file, index=False)
    assert read_table(file, "t.csv").to_numpy().tolist() == rows


def test_nothing_else_reads_tables_of_people() -> None:
    """A second reader would be a second chance to guess; the study's own tables come with cytobench."""
    root = Path(__file__).parents[3]
    calls = ("csv.reader", "csv.DictReader", "read_csv", "read_excel")
    command = ["grep", "-rlE", "|".join(calls), "--include=*.py", "cytobench", "plugins"]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split()
    assert sorted(found) == ["cytobench/analysis/published/study.py", "cytobench/data/tables.py"]
