"""How shots are chosen: words, files, and the order from the best image to the worst."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from cytobench.data.choice import RANDOM, best_first, find_choice
from cytobench.data.dataset import Dataset, from_listing
from cytobench.data.open import list_path
from cytobench.errors import UserError
from cytobench_phantom.dataset import draw


@pytest.fixture
def smear(tmp_path: Path, cache: Path) -> Dataset:
    """Four Eosinophils under names that say how far they are blurred, in pixels, and one Monocyte."""
    for name, sigma in (("a3", 3), ("b1", 1), ("c0", 0), ("d2", 2)):
        file = tmp_path / "smear" / "EOS" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        cell = Image.fromarray(draw("Eosinophil", 3, seed=1, size=128))
        cell.filter(ImageFilter.GaussianBlur(sigma)).save(file)
    (tmp_path / "smear" / "MON").mkdir()
    Image.fromarray(draw("Monocyte", 0, seed=1, size=128)).save(tmp_path / "smear" / "MON" / "c0.png")
    return from_listing(list_path(str(tmp_path / "smear"), {}), cache)


def ranked(select: str | Path, dataset: Dataset, cache: Path) -> list[str]:
    """The stems of the Eosinophils that can be taken, in order."""
    choice = find_choice(str(select), dataset, cache)
    assert choice.ranking is not None
    pool = dataset.table[dataset.table["label"] == "EOS"].sample(frac=1, random_state=0)
    return [Path(path).stem for path in choice.ranking(pool)["path"]]


def test_first_goes_by_file_and_sharpest_by_blur(smear: Dataset, cache: Path) -> None:
    assert ranked("first", smear, cache) == ["a3", "b1", "c0", "d2"]
    assert ranked("sharpest", smear, cache) == ["c0", "b1", "d2", "a3"]
    assert find_choice("random", smear, cache) == RANDOM


@pytest.mark.parametrize("name", ["best.txt", "best.csv"])
def test_a_file_gives_its_images_in_its_order(smear: Dataset, cache: Path, tmp_path: Path, name: str) -> None:
    head = "path\n" if name.endswith("csv") else ""
    (tmp_path / name).write_text(head + "EOS/d2.png\nMON/c0.png\nb1.png\n\nEOS/d2.png\n")
    assert ranked(tmp_path / name, smear, cache) == ["d2", "b1"]


def test_records_tell_lists_apart_by_what_they_list(smear: Dataset, cache: Path, tmp_path: Path) -> None:
    recorded = []
    for name, lines in (("a.txt", "b1.png\nd2.png"), ("b.txt", "EOS/b1.png\nd2.png"), ("c.txt", "d2.png\nb1.png")):
        (tmp_path / name).write_text(lines)
        recorded.append(find_choice(str(tmp_path / name), smear, cache).recorded)
    assert recorded[0] == recorded[1] != recorded[2]
    assert recorded[0].startswith("listed:") and len(recorded[0]) == len("listed:") + 12


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("sharpst", None, "Did you mean sharpest?"),
        ("nowhere/best.txt", None, "no such choice, and no such file. Write random, first, sharpest"),
        ("best.txt", "\n \n", "lists no image; write select='random' or 'first'"),
        ("best.txt", "EOS/zz.png\n", "EOS/zz.png: no image"),
        ("best.txt", "c0.png\n", "c0.png: EOS/c0.png, MON/c0.png"),
        ("best.csv", "file\nEOS/b1.png\n", "no column path, but file"),
        (".", None, "Is a directory"),
    ],
)
def test_what_names_no_choice_is_refused(
    smear: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str | None, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_text(content)
    with pytest.raises(UserError) as refused:
        find_choice(name, smear, tmp_path / "cache")
    assert said in str(refused.value) and str(refused.value).startswith(f"select='{name}'")


def images(**columns: Any) -> pd.DataFrame:
    """Images of one class, all alike but for these columns."""
    n = len(next(iter(columns.values())))
    plain = {"label": "A", "quality": np.nan, "white": 0.0, "black": 0.0, "cell_sharpness": 0.05}
    return pd.DataFrame({**plain, "path": [f"A/{i:02}.png" for i in range(n)], **columns})



def order(table: pd.DataFrame) -> list[int]:
    return list(best_first(table.sample(frac=1, random_state=1)).index)


def test_a_quality_that_is_given_comes_before_all_else_and_none_comes_last() -> None:
    table = images(quality=[0.2, np.nan, 0.9, 0.2], cell_sharpness=[0.03, 0.09, 0.01, 0.04])
    assert order(table) == [2, 3, 0, 1]


def test_badly_exposed_images_come_after_the_others_and_equals_by_path() -> None:
    white, sharp = [0.0] * 12, [0.05] * 12
    white[3], sharp[3], sharp[7] = 0.6, 0.5, 0.06
    found = best_first(images(white=white, cell_sharpness=sharp))
    assert list(found.index) == [7, 0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 3]
    assert list(found.index[found["badly_exposed"]]) == [3]
    assert order(images(black=white, cell_sharpness=sharp))[-1] == 3


def test_the_exposure_of_a_handful_of_images_is_not_judged() -> None:
    assert order(images(white=[0.6, 0.0, 0.0], cell_sharpness=[0.05, 0.01, 0.03])) == [0, 2, 1]
