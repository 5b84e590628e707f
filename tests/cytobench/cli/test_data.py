"""`cytobench data describe` and `export`, as a user calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from scipy.ndimage import gaussian_filter

from cytobench.cli.data import data
from cytobench.data.prompts import BUILT_IN
from cytobench.errors import UserError, on_the_command_line
from cytobench_phantom.morphology import draw_cell, draw_smear
from cytobench_phantom.render import render


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """EOS with a, b and a copy of a; BAS with x and a copy of b: one copy within and one across classes."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    for path, seed in {"EOS/a": 0, "EOS/b": 1, "EOS/c": 0, "BAS/x": 2, "BAS/y": 1}.items():
        file = tmp_path / "cells" / f"{path}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (9, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file)
    return tmp_path / "cells"


def call(*arguments: object) -> Result:
    with on_the_command_line():
        return CliRunner().invoke(data, [str(argument) for argument in arguments])


def test_describe_counts_copies_and_shows_prompts_as_json(cells: Path) -> None:
    result = call("describe", cells, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["images"] == 5
    assert [(one["label"], one["images"], one["different_images"]) for one in found["classes"]] == [
        ("BAS", 2, 2),
        ("EOS", 3, 2),
    ]
    assert found["classes"][1]["other_name"] == "Eosinophil"
    assert found["sizes"] == {"8x9": 5}
    assert found["duplicates"]["within_classes"] == [["EOS/a.png", "EOS/c.png"]]
    across = [{"paths": ["BAS/y.png", "EOS/b.png"], "labels": ["BAS", "EOS"]}]
    assert found["duplicates"]["across_classes"] == across
    assert found["bad"] == []
    assert 2 < found["prompts"]["EOS"]["generator"]["tokens"] <= 77
    assert found["prompts"]["EOS"]["generator"]["cut"] is None


def test_describe_lists_bad_images_and_exits_1(cells: Path) -> None:
    (cells / "EOS" / "a.png").write_bytes(b"")
    for arguments in (("describe", cells), ("describe", cells, "--json")):
        result = call(*arguments)
        assert result.exit_code == 1
        assert "EOS/a.png" in result.stdout
    found = json.loads(result.stdout)
    assert [one["path"] for one in found["bad"]] == ["EOS/a.png"]
    assert found["images"] == 4


def test_describe_reads_a_folder_of_nothing_but_bad_images(cells: Path) -> None:
    for file in cells.rglob("*.png"):
        file.write_bytes(b"")
    result = call("describe", cells)
    assert result.exit_code == 1
    assert "bad images, refused by a run: 5" in result.stdout
    picture = cells.parent / "worst.png"
    assert call("describe", cells, "--picture", picture).exit_code == 1
    assert not picture.exists()


def test_describe_names_files_that_hold_a_picture_and_are_not_named_like_one(cells: Path) -> None:
    (cells / "EOS" / "a.png").rename(cells / "EOS" / "a")
    (cells / "EOS" / "b.png").rename(cells / "EOS" / "b\x1b[31m.dat")
    (cells / "EOS" / "notes.txt").write_text("two cells")
    found = json.loads(call("describe", cells, "--json").stdout)
    assert found["images"] == 3
    assert found["ignored"] == ["EOS/a", "EOS/b\x1b[31m.dat", "EOS/notes.txt"]
    assert found["ignored_images"] == ["EOS/a", "EOS/b\x1b[31m.dat"]
    text = call("describe", cells).stdout
    assert "left alone: 3 files" in text and "hold a picture: EOS/a, EOS/b\ufffd[31m.dat; a run leaves them out" in text


def test_describe_in_plain_text_never_cuts_a_line(cells: Path) -> None:
    result = call("describe", cells)
    assert result.exit_code == 0
    assert "cells: 5 images, 2 classes" in result.stdout
    assert "EOS/a.png, EOS/c.png" in result.stdout
    assert "BAS/y.png, EOS/b.png" in result.stdout
    assert f"EOS, generator: {BUILT_IN['Eosinophil'].generator}\n" in result.stdout
    assert f"EOS, classifier: {BUILT_IN['Eosinophil'].classifier}\n" in result.stdout


def test_describe_tells_what_clip_would_cut(cells: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.toml"
    prompts.write_text(f'[Eosinophil]\ngenerator = "{"cell " * 75}granule"\n')
    result = call("describe", cells, "--prompts", prompts)
    assert result.exit_code == 0
    assert "cut at 77 tokens, EOS, generator: ... granule" in result.stdout


def test_describe_knows_groups_and_qualities_of_a_manifest(cells: Path) -> None:
    manifest = cells / "some.csv"
    manifest.write_text(
        "path,label,group,quality\nEOS/a.png,EOS,p1,0.5\nEOS/b.png,EOS,p1,\nBAS/x.png,BAS,,2\n"
    )
    found = json.loads(call("describe", manifest, "--json").stdout)
    assert found["groups"] == {"number": 1, "images_without": 1}
    assert found["quality"] == {"min": 0.5, "median": 1.25, "max": 2.0, "images_without": 1}
    assert "groups: 1; 1 of 3 images name no patient" in call("describe", manifest).stdout


def test_describe_tells_how_the_files_store_their_images(cells: Path) -> None:
    with Image.open(cells / "EOS" / "b.png") as image:
        image.convert("RGBA").save(cells / "EOS" / "b.png")
    found = json.loads(call("describe", cells, "--json").stdout)
    assert found["modes"] == [
        {"mode": "RGB", "images": 4, "conversion": "read as it is"},
        {"mode": "RGBA", "images": 1, "conversion": "alpha dropped"},
    ]
    assert "stored as RGBA: 1, alpha dropped\n" in call("describe", cells).stdout


@pytest.fixture
def smears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Drawn cells, 12 of each of two classes and 3 of a third; of MON one is blurred and one far too bright."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    for label, name, count in (("EOS", "Eosinophil", 12), ("MON", "Monocyte", 12), ("LYT", "Typical Lymphocyte", 3)):
        (tmp_path / "smears" / label).mkdir(parents=True)
        for number in range(count):
            rng = np.random.default_rng(number)
            smear = replace(draw_smear(rng), blur=0.05, ground=(0.9, 0.88, 0.89))
            pixels = render(draw_cell(name, rng), smear, 96, rng)
            if (label, number) == ("MON", 3):
                pixels = gaussian_filter(pixels, (3, 3, 0))
            elif (label, number) == ("MON", 5):
                pixels = np.clip(pixels * 1.4, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "smears" / label / f"{number:02}.png")
    return tmp_path / "smears"


def test_describe_lists_blurred_and_over_exposed_images_and_exits_0(smears: Path) -> None:
    result = call("describe", smears, "--json")
    assert result.exit_code == 0
    optics = json.loads(result.stdout)["optics"]
    assert [one["path"] for one in optics["blurred"]] == ["MON/03.png"]
    assert [one["path"] for one in optics["over_exposed"]] == ["MON/05.png"]
    assert optics["under_exposed"] == []
    (blurred,) = optics["blurred"]
    measures = {"sharpness", "cell_sharpness", "white", "black"}
    assert blurred["label"] == "MON" and blurred.keys() == {"path", "label", *measures, "median"}
    assert blurred["sharpness"] < optics["rule"]["sharpness_under"]
    assert blurred["sharpness"] < optics["rule"]["sharpness_under_share_of_median"] * blurred["median"]
    text = call("describe", smears).stdout
    assert "blurred images: 1\n  MON/03.png: sharpness 0.0" in text
    assert "over-exposed images: 1\n  MON/05.png: " in text


def test_a_quality_sheet_of_all_classes_or_of_one(smears: Path, tmp_path: Path) -> None:
    every, one = tmp_path / "all.png", tmp_path / "one.png"
    assert call("describe", smears, "--quality-sheet", every).exit_code == 0
    assert call("describe", smears, "--quality-sheet", one, "--label", "Monocyte").exit_code == 0
    with Image.open(every) as three, Image.open(one) as two:
        assert three.height > two.height and three.width == two.width
    for wrong, said in (
        (("--label", "MON"), "add --quality-sheet FILE.png"),
        (("--quality-sheet", tmp_path / "x.png", "--label", "MNO"), "Did you mean MON?"),
        (("--quality-sheet", tmp_path / "x.jpg"), "--quality-sheet"),
        (("--quality-sheet", smears / "MON" / "x.png"), "images of the data set lie in this folder"),
    ):
        result = call("describe", smears, *wrong)
        assert isinstance(result.exception, UserError) and said in str(result.exception)
    assert not (tmp_path / "x.png").exists()


def test_describe_tells_which_classes_a_run_refuses_or_gives_fewer_shots(smears: Path) -> None:
    rare = json.loads(call("describe", smears, "--json", "--shots", 8).stdout)["rare"]
    assert rare["too_rare"] == [{"label": "LYT", "units": 3, "counted": "different images"}]
    assert rare["ways_out"] == ["--folds 3", "--train-only LYT", "--merge LYT,OTHER=NAME"]
    assert {one["label"] for one in rare["fewer_shots"]} == {"EOS", "LYT", "MON"}
    assert (rare["protocol"], rare["seed"], rare["folds"], rare["shots"]) == ("strict", 42, 5, 8)
    text = call("describe", smears, "--shots", 7).stdout
    assert "classes too rare for 5 folds, refused by a run: 1\n  LYT: 3 different images\n" in text
    assert "ways out: --folds 3, or --train-only LYT, or --merge LYT,OTHER=NAME\n" in text
    assert "  LYT: 3 a fold, with --train-only\n" in text
    assert "classes too rare for 3 folds, refused by a run: 0\n" in call("describe", smears, "--folds", 3).stdout


def test_describe_draws_a_picture_only_where_it_is_told_to(smears: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*.png"))
    call("describe", smears)
    assert sorted(tmp_path.rglob("*.png")) == before
    result = call("describe", smears, "--json", "--picture", tmp_path / "worst.png")
    assert result.exit_code == 0 and json.loads(result.stdout)["images"] == 27
    assert f"{tmp_path / 'worst.png'} written" in result.stderr
    with Image.open(tmp_path / "worst.png") as image:
        assert image.format == "PNG" and image.width > 1000


def test_a_wrong_path_is_a_users_mistake(cells: Path) -> None:
    result = call("describe", cells.parent / "cels")
    assert isinstance(result.exception, UserError)
    assert "Did you mean" in str(result.exception)
    assert result.stdout == ""


def test_export_writes_an_image_folder_once(cells: Path, tmp_path: Path) -> None:
    result = call("export", cells, tmp_path / "out")
    assert result.exit_code == 0
    assert "5 images of 2 classes" in result.stdout
    assert len(list((tmp_path / "out").glob("*/*.png"))) == 5
    assert isinstance(call("export", cells, tmp_path / "out").exception, UserError)


def test_importing_the_commands_imports_nothing_heavy() -> None:
    code = "import sys, cytobench.cli.data; print({'numpy', 'pandas', 'torch', 'PIL'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
