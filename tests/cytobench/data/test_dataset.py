"""The data set: names of classes, limits, digest, and which copies there are."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cytobench.data.dataset import Dataset
from cytobench.data.duplicates import Duplicates, find_duplicates
from cytobench.data.folder import load_folder
from cytobench.errors import UserError


@pytest.fixture
def dataset(cells: Path, cache: Path) -> Dataset:
    return load_folder(cells, cache)


def test_a_class_answers_to_its_name_and_its_code(dataset: Dataset) -> None:
    assert dataset.label_of("EOS") == "EOS"
    assert dataset.label_of("Eosinophil") == "EOS"
    with pytest.raises(UserError, match="Did you mean Eosinophil"):
        dataset.label_of("eosinophill")
    with pytest.raises(UserError, match="Did you mean EOS"):
        dataset.label_of("eos")


def test_limit_keeps_the_first_of_each_class_by_name(dataset: Dataset) -> None:
    two = dataset.limit(2)
    assert list(two.table["path"]) == ["BAS/x.png", "BAS/y.png", "EOS/a.png", "EOS/b.png"]
    assert two.limited == 2 and dataset.limited is None
    assert list(two.table.index) == [0, 1, 2, 3]
    assert two.digest != dataset.digest
    with pytest.raises(UserError, match="limit=0"):
        dataset.limit(0)


def test_digest_follows_content_not_place(dataset: Dataset, cells: Path, cache: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(cells, tmp_path / "elsewhere" / "copy")
    assert load_folder(copied, cache).digest == dataset.digest
    swapped = dataset.table.assign(digest=list(reversed(dataset.table["digest"])))
    assert replace(dataset, table=swapped).digest != dataset.digest
    grouped = dataset.table.assign(group=["p1", None, None, None, None])
    assert replace(dataset, table=grouped).digest != dataset.digest


def test_copies_within_and_across_classes(cells: Path, cache: Path) -> None:
    shutil.copy(cells / "EOS" / "a.png", cells / "EOS" / "d.png")
    shutil.copy(cells / "EOS" / "b.png", cells / "BAS" / "b.png")
    within = Duplicates(("EOS/a.png", "EOS/d.png"), ("EOS",))
    across = Duplicates(("BAS/b.png", "EOS/b.png"), ("BAS", "EOS"))
    assert find_duplicates(load_folder(cells, cache).table) == [across, within]
    assert across.contradict and not within.contradict


def test_the_same_pixels_in_another_format_are_a_copy(cells: Path, cache: Path) -> None:
    from PIL import Image

    with Image.open(cells / "EOS" / "a.png") as image:
        image.save(cells / "EOS" / "z.bmp")
    assert [one.paths for one in find_duplicates(load_folder(cells, cache).table)] == [("EOS/a.png", "EOS/z.bmp")]
