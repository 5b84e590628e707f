"""``cytobench confusion``: counts and shares from the predictions on record, as table, CSV and SVG."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix

from cytobench.cli import main
from cytobench.metrics.confusion import ConfusionMatrix
from cytobench.reporting.confusion import to_svg
from cytobench.reporting.figures.matrices import shades
from cytobench.reporting.figures.style import TEXT
from cytobench.storage.records import Record, write_record

from ..conftest import record_values, recorded

ROW = "sd21-lora/clip/s16/n20"
LABELS = ["BAS", "EOS", "LYA"]
Make = Callable[..., Record]


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["confusion", *map(str, arguments)])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture
def results(tmp_path: Path, make_record: Make) -> tuple[Path, pd.DataFrame]:
    """Five folds of one row, and all their predictions."""
    tables = [predictions(fold) for fold in range(5)]
    for fold, table in enumerate(tables):
        write_record(tmp_path, *recorded(record_values(fold), table))
    return tmp_path, pd.concat(tables)


def predictions(fold: int) -> pd.DataFrame:
    rng = np.random.default_rng(fold)
    label = np.repeat(LABELS, [3, 5, 2])
    values = {"path": [f"{fold}/{i}.png" for i in range(20)], "split": ["test"] * 10 + ["validation"] * 10}
    guessed = rng.choice(LABELS[:2], 20)  # LYA is never predicted
    return pd.DataFrame({**values, "label": [*label, *label], "predicted": guessed, "synthetic": False})


def grid(text: str, column: str) -> np.ndarray:
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [(one["true"], one["predicted"]) for one in lines] == [(a, b) for a in LABELS for b in LABELS]
    return np.array([float(one[column]) for one in lines]).reshape(3, 3)


@pytest.mark.parametrize("split", ["test", "validation"])
def test_counts_are_summed_over_the_folds_in_label_order(results, capsys, split: str) -> None:
    folder, all_of_them = results
    chosen = all_of_them[all_of_them["split"] == split]
    code, out, err = command(capsys, folder, "--row", ROW, "--split", split, "--format", "csv")
    wanted = confusion_matrix(chosen["label"], chosen["predicted"], labels=LABELS)
    assert (code, err) == (0, "") and (grid(out, "count") == wanted).all() and wanted.sum() == 50
    assert np.allclose(grid(out, "row_share"), wanted / wanted.sum(axis=1, keepdims=True), atol=1e-6)


def test_the_table_shows_counts_shares_and_where_they_are_from(results, capsys) -> None:
    folder, all_of_them = results
    chosen = all_of_them[all_of_them["split"] == "test"]
    wanted = confusion_matrix(chosen["label"], chosen["predicted"], labels=LABELS)
    out = command(capsys, folder, "--row", ROW)[1]
    assert re.search(rf"1 EOS +{wanted[1, 0]} +{wanted[1, 1]} +0\n", out)
    assert re.search(rf"1 EOS +{100 * wanted[1, 0] / 25:.0f} +{100 * wanted[1, 1] / 25:.0f} +0\n", out)
    assert "protocol strict" in out and "preset pocket" in out and "50 images" in out


def test_an_image_taken_for_a_class_left_to_training_is_shown(tmp_path: Path, make_record: Make, capsys) -> None:
    table = predictions(0).query("label != 'LYA'").assign(predicted="LYA")
    values = record_values(0, train_only=["LYA"], benchmark={"fold": [0]})
    write_record(tmp_path, *recorded(values, table))
    lines = list(csv.DictReader(io.StringIO(command(capsys, tmp_path, "--row", ROW, "--format", "csv")[1])))
    assert {(one["true"], one["predicted"]): one["count"] for one in lines}[("EOS", "LYA")] == "5"
    assert len(lines) == 2 * 3
    assert "column 2: LYA" in command(capsys, tmp_path, "--row", ROW)[1]


def test_an_incomplete_row_is_refused_with_its_missing_folds(tmp_path: Path, make_record: Make, capsys) -> None:
    for fold in (0, 1, 4):
        write_record(tmp_path, *recorded(record_values(fold), predictions(fold)))
    write_record(tmp_path, make_record(3, f1=None), None)
    code, out, err = command(capsys, tmp_path, "--row", ROW)
    assert (code, out) == (2, "") and "incomplete: folds 2, 3 missing" in err


def test_damaged_predictions_are_refused(results, capsys) -> None:
    folder, _ = results
    next((folder / "predictions").glob("*fold3*")).write_bytes(b"x")
    code, out, err = command(capsys, folder, "--row", ROW)
    assert (code, out) == (2, "") and "fold3" in err and "damaged" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--row", "sd21-lora/clip/s16/n2"], f"Did you mean {ROW}?"),
        (["--row", ROW, "--split", "test_real"], "It has: test, validation"),
        ([], "name both a results folder and a row"),
        (["--row", ROW, "--published", "s5"], "s3, s4, s9, s10"),
        (["--row", ROW, "--format", "png"], "'png' is not one of"),
    ],
)
def test_mistakes_are_named(results, capsys, arguments, said: str) -> None:
    code, out, err = command(capsys, results[0], *arguments)
    assert (code, out) == (2, "") and said in err


def test_two_rows_of_one_name_are_refused(tmp_path: Path, make_record: Make, capsys) -> None:
    for name, preset in (("a", "pocket"), ("b", "paper")):
        for fold in range(5):
            write_record(tmp_path / name, *recorded(record_values(fold, preset=preset), predictions(fold)))
    code, _, err = command(capsys, tmp_path, "--row", ROW)
    assert code == 2 and "is there 2 times" in err and "preset paper" in err


def test_the_published_matrix_stands_alone_or_beside_with_a_verdict(results, capsys) -> None:
    alone = command(capsys, "--published", "s4")[1]
    assert "18,372 images" in alone and "Segmented Neutrophil" in alone
    beside = command(capsys, results[0], "--row", ROW, "--published", "s10")[1]
    assert beside.startswith(ROW)
    assert f"Beside {ROW}: not comparable: protocol strict, other data" in beside and "20 synthetic images" in beside
    lines = list(csv.DictReader(io.StringIO(
        command(capsys, results[0], "--row", ROW, "--published", "s10", "--format", "csv")[1]
    )))  # fmt: skip
    assert [one["source"] for one in lines] == [ROW] * 9 + ["published S10"] * 225


def test_the_svg_has_every_count_as_text_and_escapes_names(results, capsys) -> None:
    arguments = (results[0], "--row", ROW, "--published", "s10", "--format", "svg")
    code, out, _ = command(capsys, *arguments)
    assert code == 0 and command(capsys, *arguments)[1] == out
    published = [count for line in grid_of("s10") for count in line if count]
    assert {str(count) for count in published} <= set(texts(out))
    assert any(text.startswith(f"Beside {ROW}: not comparable") for text in texts(out))
    labels = ("a < b", 'quote " & more', "日本")
    odd = ConfusionMatrix("x", "<script>alert(1)</script>", labels, labels, np.eye(3, dtype=np.int64))
    assert "<script>" not in to_svg([odd])
    assert texts(to_svg([odd])).count("a < b") == texts(to_svg([odd])).count("日本") == 2


def test_matrices_stand_below_each_other_inside_their_frame(results, capsys) -> None:
    out = command(capsys, results[0], "--row", ROW, "--published", "s10", "--format", "svg")[1]
    root = ET.fromstring(out)
    width, height = (float(side) for side in root.attrib["viewBox"].split()[2:])
    above, below = root.findall("{http://www.w3.org/2000/svg}svg")
    assert float(below.attrib["y"]) == float(above.attrib["height"]) > 0
    assert float(below.attrib["y"]) + float(below.attrib["height"]) == height
    assert max(float(each.attrib["width"]) for each in (above, below)) == width


def test_any_number_of_classes_has_both_numbers_in_its_cells() -> None:
    labels = tuple(f"class {i}" for i in range(40))
    counts = np.arange(1600, dtype=np.int64).reshape(40, 40) + 10_000
    found = texts(to_svg([ConfusionMatrix("x", "x", labels, labels, counts)]))
    assert {str(count) for count in counts.ravel()} <= set(found)
    assert sum(text.endswith("%") for text in found) == 1600


def texts(svg: str) -> list[str]:
    """The texts of an SVG, each line by itself."""
    return ["".join(one.itertext()).strip() for one in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def grid_of(name: str) -> list[list[int]]:
    from cytobench.analysis.published import published_matrix

    return published_matrix(name).counts.tolist()


def test_text_is_readable_on_the_darkest_cell() -> None:
    """Contrast of WCAG 2: at least 4.5 to 1."""

    def luminance(colour: tuple[float, ...]) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    text = tuple(int(TEXT[i : i + 2], 16) / 255 for i in (1, 3, 5))
    darkest = tuple(shades("Blues")(1.0)[:3])
    assert (luminance(darkest) + 0.05) / (luminance(text) + 0.05) >= 4.5
