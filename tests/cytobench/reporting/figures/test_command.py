"""``cytobench figures``: files, captions on stdout, messages on stderr, exit codes."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from cytobench.cli import main

Write = Callable[..., Path]


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["figures", *map(str, arguments)])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_a_figure_is_an_svg_and_a_png_of_300_dpi_and_180_mm(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = command(capsys, write(0, 0.6), "--out", tmp_path / "new" / "figs", "--only", "cost-stages")
    assert (code, err) == (0, "")
    assert sorted(file.name for file in (tmp_path / "new" / "figs").iterdir()) == ["cost-stages.png", "cost-stages.svg"]
    picture = Image.open(io.BytesIO((tmp_path / "new" / "figs" / "cost-stages.png").read_bytes()))
    assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert picture.width == pytest.approx(180 / 25.4 * 300, abs=1)
    root = ET.fromstring((tmp_path / "new" / "figs" / "cost-stages.svg").read_text(encoding="utf-8"))
    description = root.find("{http://www.w3.org/2000/svg}desc")
    assert description is not None and description.text is not None
    assert description.text in out and "## cost-stages" in out
    assert picture.info["Description"] == description.text


@pytest.mark.parametrize(
    ("right", "more", "code", "said"),
    [
        (0.6, ["--only", "curve-clip-f1macro"], 2, "Did you mean curve-clip-f1_macro"),
        (0.6, ["--only", "S9"], 0, ""),
        (None, [], 1, "nothing to draw"),
    ],
)
def test_exit_codes(
    write: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    right: float,
    more: list[str],
    code: int,
    said: str,
) -> None:
    classifier = "resnet50" if "S9" in more else "clip"
    write(0, right, classifier=classifier)
    found, out, err = command(capsys, write(20, right, classifier=classifier), "--out", tmp_path / "figs", *more)
    assert found == code and said in err
    if code:
        assert out == "" and not (tmp_path / "figs").exists()


def test_a_folder_without_results_is_the_users_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = command(capsys, tmp_path, "--out", tmp_path / "figs")
    assert (code, out) == (2, "") and "holds no records" in err


def test_a_file_in_place_of_the_folder_is_refused(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "figs").write_text("mine")
    code, _, err = command(capsys, write(0, 0.6), "--out", tmp_path / "figs")
    assert code == 2 and "figs" in err
    assert (tmp_path / "figs").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_the_users_mistake(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    code, _, err = command(capsys, write(0, 0.6), "--out", tmp_path / "file" / "figs", "--only", "cost-stages")
    assert code == 2 and "cannot be written" in err


def test_captions_are_markdown_in_which_labels_are_text(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = write(labels=["<img src=x onerror=alert(1)>", "b"])
    with pytest.raises(SystemExit):
        main(["figures", str(out), "--out", str(tmp_path / "figures")])
    said = capsys.readouterr().out
    assert "img src=x" in said and "<img" not in said.replace(r"\<img", "")


def test_what_is_left_out_is_told_on_stderr(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(20, 0.8, folds=[1], classifier="other")
    code, out, err = command(capsys, folder, "--out", tmp_path / "figs")
    assert code == 0
    assert "sd21-lora/other/s16/n20 is incomplete" in err and "no gallery" in err
    assert "no gallery" not in out and "## curve-other-accuracy" in out
