"""Folders of classes: order, labels, what is left alone and what is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cytobench.data.folder import load_folder
from cytobench.decode import decode_image, pixel_digest
from cytobench.errors import UserError

SHARED = Path(__file__).parents[3].parent / "shared" / "data"


def test_rows_are_sorted_by_label_then_path_and_carry_pixel_digests(cells: Path, cache: Path) -> None:
    dataset = load_folder(cells, cache)
    assert dataset.name == "cells"
    assert dataset.labels == ("BAS", "EOS")
    assert list(dataset.table["path"]) == ["BAS/x.png", "BAS/y.png", "EOS/a.png", "EOS/b.png", "EOS/c.png"]
    assert list(dataset.table["label"]) == ["BAS"] * 2 + ["EOS"] * 3
    assert list(dataset.table.index) == [0, 1, 2, 3, 4]
    assert dataset.table["digest"][3] == pixel_digest(decode_image(cells / "EOS" / "b.png"))
    assert dataset.path(3) == cells / "EOS" / "b.png"
    assert dataset.table[["group", "quality"]].isna().all(axis=None)
    assert not dataset.public


def test_hidden_and_foreign_files_are_left_alone(cells: Path, cache: Path) -> None:
    (cells / "EOS" / "notes.txt").write_text("seen twice")
    (cells / "EOS" / "._a.png").write_bytes(b"not an image")
    (cells / ".thumbnails").mkdir()
    (cells / "README.md").write_text("cells")
    assert len(load_folder(cells, cache)) == 5


def test_upper_case_extensions_count(cells: Path, cache: Path) -> None:
    (cells / "EOS" / "a.png").rename(cells / "EOS" / "A.PNG")
    assert "EOS/A.PNG" in list(load_folder(cells, cache).table["path"])


def test_links_are_followed(cells: Path, cache: Path, tmp_path: Path) -> None:
    subset = tmp_path / "subset"
    (subset / "EOS").mkdir(parents=True)
    (subset / "EOS" / "one.png").symlink_to(cells / "EOS" / "a.png")
    (subset / "BAS").symlink_to(cells / "BAS", target_is_directory=True)
    assert len(load_folder(subset, cache)) == 3


def test_one_class_alone_is_explained(cells: Path, cache: Path) -> None:
    with pytest.raises(UserError, match="it is one class") as caught:
        load_folder(cells / "EOS", cache)
    assert str(cells) in str(caught.value)


def test_the_folder_above_points_to_the_right_one(cells: Path, cache: Path) -> None:
    with pytest.raises(UserError, match="Did you mean") as caught:
        load_folder(cells.parent, cache)
    assert str(cells) in str(caught.value)


def test_no_classes_at_all(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="one folder a class"):
        load_folder(tmp_path / "empty", cache)


def test_a_class_without_images_is_named(cells: Path, cache: Path) -> None:
    (cells / "KSC").mkdir()
    with pytest.raises(UserError, match="without an image") as caught:
        load_folder(cells, cache)
    assert "KSC" in str(caught.value) and "BAS" not in str(caught.value)


def test_images_deeper_than_classes_are_refused_not_lost(cells: Path, cache: Path) -> None:
    (cells / "EOS" / "patient1").mkdir()
    shutil.copy(cells / "EOS" / "a.png", cells / "EOS" / "patient1" / "a.png")
    with pytest.raises(UserError, match="EOS/patient1"):
        load_folder(cells, cache)


def test_every_bad_image_is_listed(cells: Path, cache: Path) -> None:
    (cells / "EOS" / "a.png").write_bytes(b"")
    (cells / "BAS" / "x.png").write_bytes((cells / "BAS" / "x.png").read_bytes()[:60])
    (cells / "BAS" / "z.png").symlink_to(cells / "gone.png")
    with pytest.raises(UserError, match="3 images cannot be used") as caught:
        load_folder(cells, cache)
    for path in ("EOS/a.png", "BAS/x.png", "BAS/z.png"):
        assert f"{path}: " in str(caught.value)


def test_a_file_name_that_no_table_can_hold_is_refused(cells: Path, cache: Path) -> None:
    try:
        os.rename(cells / "EOS" / "a.png", os.fsencode(cells / "EOS") + b"/\xff.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    with pytest.raises(UserError, match="not UTF-8"):
        load_folder(cells, cache)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_real_folders_load(cache: Path) -> None:
    pbc = load_folder(SHARED / "pbc", cache)
    assert len(pbc) == 1100 and len(pbc.labels) == 10
    assert pbc.table["digest"].is_unique
    munich = load_folder(SHARED / "matek" / "AML-Cytomorphology_LMU", cache)
    assert len(munich) == 30
    with pytest.raises(UserError, match="AML-Cytomorphology_LMU"):
        load_folder(SHARED / "matek", cache)
