"""`cytobench data manifest`: a folder of classes joined with a spreadsheet of patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cytobench.cli import main
from cytobench.data.open import open_dataset


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Classes A and B with images a0 to a3 and b0 to b3; ``same.png`` is in both."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    names = [*(f"A/a{i}.png" for i in range(4)), "A/same.png", *(f"B/b{i}.png" for i in range(4)), "B/same.png"]
    for i, name in enumerate(names):
        file = tmp_path / "cells" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (9, 9, 3), np.uint8)).save(file)
    return tmp_path / "cells"


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["data", "manifest", *map(str, arguments)])
    assert isinstance(ended.value.code, int)
    return ended.value.code, *capsys.readouterr()


def table(file: Path, rows: dict[str, str]) -> Path:
    frame = pd.DataFrame({"Bild": list(rows), "Patient": list(rows.values())})
    frame.to_excel(file, index=False) if file.suffix == ".xlsx" else frame.to_csv(file, index=False)
    return file


WHOLE = {
    **{f"a{i}": f"00{i % 2}" for i in range(4)}, **{f"b{i}.png": f"00{i % 2}" for i in range(4)},
    "A/same.png": "007", "B\\same.png": "008",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["patients.csv", "patients.xlsx"])
def test_groups_come_from_the_table_by_path_name_or_stem(
    cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    file = table(tmp_path / kind, WHOLE)
    code, out, err = call(capsys, cells, "--table", file, "--key", "Bild", "--group", "Patient")
    assert (code, err) == (0, "") and "10 images of 4 groups" in out
    dataset = open_dataset(str(cells / "manifest.csv"), {}, tmp_path / "cache")
    groups = dict(zip(dataset.table["path"], dataset.table["group"], strict=True))
    assert groups["A/a1.png"] == "001" and groups["B/same.png"] == "008" and len(groups) == 10


def test_a_manifest_may_lie_above_the_folder_but_not_beside_it(
    cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = table(tmp_path / "p.csv", WHOLE)
    options = (cells, "--table", file, "--key", "Bild", "--group", "Patient", "--out")
    assert call(capsys, *options, tmp_path / "m.csv")[0] == 0
    assert open_dataset(str(tmp_path / "m.csv"), {}, tmp_path / "cache").table["path"].str.startswith("cells/").all()
    (tmp_path / "other").mkdir()
    code, _, err = call(capsys, *options, tmp_path / "other" / "m.csv")
    assert code == 2 and "below its own folder" in err and "Traceback" not in err


def test_what_does_not_match_is_listed_and_nothing_is_written(
    cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {name: group for name, group in WHOLE.items() if name != "a3"} | {"a9": "004"}
    options = (cells, "--table", table(tmp_path / "p.csv", rows), "--key", "Bild", "--group", "Patient")
    code, out, err = call(capsys, *options)
    assert (code, out) == (1, "") and not (cells / "manifest.csv").exists()
    assert "A/a3.png" in err and "a9" in err and "--drop-unmatched" in err
    assert call(capsys, *options, "--drop-unmatched")[0] == 0
    assert len(pd.read_csv(cells / "manifest.csv")) == 9


@pytest.mark.parametrize(
    ("extra", "said"),
    [({"same.png": "001"}, "same.png may be any of A/same.png, B/same.png"), ({"A/a0.png": "9"}, "the groups 000, 9")],
)
def test_names_that_fit_twice_are_refused(
    cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: dict[str, str], said: str
) -> None:
    file = table(tmp_path / "p.csv", WHOLE | extra)
    code, _, err = call(capsys, cells, "--table", file, "--key", "Bild", "--group", "Patient", "--drop-unmatched")
    assert code == 1 and said in err and not (cells / "manifest.csv").exists()


def test_nothing_is_overwritten(cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = table(cells / "manifest.csv", WHOLE)
    before = file.read_bytes()
    code, _, err = call(capsys, cells, "--table", file, "--key", "Bild", "--group", "Patient")
    assert code == 2 and "is there already" in err and file.read_bytes() == before
    code, _, err = call(capsys, cells / "none", "--table", file, "--key", "Bild", "--group", "Patient")
    assert code == 2 and "no folder of classes" in err
    options = (cells, "--table", file, "--key", "Bild", "--group", "Patient", "--out", cells / "m.parquet")
    code, _, err = call(capsys, *options)
    assert code == 2 and ".csv" in err and not (cells / "m.parquet").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--key", "Bidl", "--group", "Patient"), "Did you mean Bild?"),
        (("--key", "Bild", "--group", "patient"), "Did you mean Patient?"),
        (("--key", "Patient", "--group", "Bild"), "names an image"),
        (("--key", "Bild", "--group", "Bild"), "two different columns"),
    ],
)
def test_mistakes_are_named(
    cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    code, _, err = call(capsys, cells, "--table", table(tmp_path / "p.csv", WHOLE), "--drop-unmatched", *options)
    assert code in (1, 2) and said in err and "Traceback" not in err


@pytest.mark.parametrize(("name", "content"), [("p.txt", b"a"), ("p.xlsx", b"no sheet"), ("gone.csv", None)])
def test_tables_that_cannot_be_read_are_named(
    cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, _, err = call(capsys, cells, "--table", tmp_path / name, "--key", "Bild", "--group", "Patient")
    assert code == 2 and name in err and "Traceback" not in err
