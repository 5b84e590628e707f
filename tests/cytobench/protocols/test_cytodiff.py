"""The study's own protocol: its division to the row, and its views."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.color import hsv2rgb

from cytobench.api import run
from cytobench.data.dataset import Dataset
from cytobench.images import HUES, SATURATIONS, Images, Recolouring, jitter_hed, overwrite_hsv
from cytobench.protocols import PROTOCOLS, draw_shots, split, split_table
from cytobench.reporting.leaderboard import render
from cytobench.storage.records import predictions_of, read_record

CYTODIFF = PROTOCOLS["cytodiff"]
COUNTS = {  # method.md: Munich AML Morphology as the study's own table has it, with 7 padded rows
    "Basophil": 79, "Erythroblast": 78, "Eosinophil": 424, "Smudge cell": 16, "Atypical Lymphocyte": 16,
    "Typical Lymphocyte": 3937, "Metamyelocyte": 16, "Monoblast": 26, "Monocyte": 1789, "Myelocyte": 42,
    "Myeloblast": 3268, "Band Neutrophil": 109, "Segmented Neutrophil": 8484, "Promyelocyte Bilobed": 18,
    "Promyelocyte": 70,
}  # fmt: skip


def counted(counts: dict[str, int], padding: tuple[tuple[str, str], ...] = ()) -> Dataset:
    """A data set of so many images a class that were never decoded."""
    rows = [(f"{label}/{i:04d}.tiff", label) for label in sorted(counts) for i in range(1, counts[label] + 1)]
    table = pd.DataFrame(rows, columns=["path", "label"]).assign(group=pd.NA, quality=np.nan, digest=None)
    return Dataset("munich", Path("nowhere"), table, tuple(counts), padding=padding)


def test_n_0_and_n_100_share_746_of_3674_real_test_images() -> None:
    """Rebuilt from the class counts; the number was checked against the study's own split tables."""
    data = counted(COUNTS)
    assert len(data) == 18_372
    none, hundred = (split(data, CYTODIFF, 5, 42, synthetic=n)[0] for n in (0, 100))
    assert len(none.test) == 3_674
    assert len(np.intersect1d(none.test, hundred.test)) == 746


def test_padded_rows_are_divided_and_then_dropped() -> None:
    real = {**COUNTS, "Smudge cell": 15, "Atypical Lymphocyte": 11, "Metamyelocyte": 15}
    missing = {label: [f"{label}/{i:04d}.tiff" for i in range(real[label] + 1, COUNTS[label] + 1)] for label in real}
    padding = tuple((label, path) for label, paths in missing.items() for path in paths)
    assert len(padding) == 7
    whole, padded = counted(COUNTS), counted(real, padding)
    for n in (0, 100):
        for full, found in zip(
            split(whole, CYTODIFF, 5, 42, synthetic=n), split(padded, CYTODIFF, 5, 42, synthetic=n), strict=True
        ):
            for part in ("train", "val", "test"):
                named = set(whole.table["path"].iloc[getattr(full, part)]) - {path for _, path in padding}
                assert set(padded.table["path"].iloc[getattr(found, part)]) == named


@pytest.mark.parametrize("n", [0, 7])
def test_every_row_real_or_synthetic_is_in_one_part_of_a_fold_and_tested_once(n: int) -> None:
    data = counted({"A": 31, "B": 12, "C": 9})
    folds = split(data, CYTODIFF, 5, 42, synthetic=n)
    tested: list[tuple[str, int]] = []
    for fold in folds:
        assert sorted([*fold.train, *fold.val, *fold.test]) == list(range(len(data)))
        made = {part: {(k, int(i)) for k, v in fold.synthetic[part].items() for i in v} for part in fold.synthetic}
        assert sum(map(len, made.values())) == len(set().union(*made.values())) == 3 * n
        tested += made["test"]
    assert sorted(tested) == sorted((label, i) for label in "ABC" for i in range(n))
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(data)))


def test_rows_are_ordered_by_class_name_and_then_file_synthetic_ones_last() -> None:
    data = counted({"BAS": 6, "LYA": 6})  # Basophil, Atypical Lymphocyte
    table = split_table(data, CYTODIFF, 5, 42, shots=2, synthetic=11)
    assert list(table["label"]) == ["LYA"] * 6 + ["BAS"] * 6 + ["LYA"] * 11 + ["BAS"] * 11
    assert list(table["path"][12:23]) == [f"synthetic/LYA/{i}.png" for i in range(11)]
    assert list(table.columns) == ["path", "label", *(f"shot{i}" for i in range(5)), *(f"fold{i}" for i in range(5))]
    assert set(table["fold0"]) == {"train", "val", "test"}
    assert table["shot0"].sum() == 4 and not table["shot0"][12:].any()


def test_shots_come_from_anywhere_and_are_the_same_in_every_fold() -> None:
    data = counted({"A": 40, "B": 40})
    folds = split(data, CYTODIFF, 5, 42)
    drawn = [draw_shots(data, CYTODIFF, fold, "A", 16, 42) for fold in folds]
    assert all(np.array_equal(drawn[0], other) for other in drawn)
    assert np.isin(drawn[0], folds[0].test).any()


def test_validation_is_tinted_test_tinted_and_restained_and_training_restained() -> None:
    image = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    assert np.array_equal(CYTODIFF.view(image, 0), image[27:372, 27:372])
    seen = {part: CYTODIFF.evaluation_view(part, 3)(image, 5) for part in ("val", "test")}  # type: ignore[arg-type]
    value = image[27:372, 27:372].max(axis=2)
    tinted = np.dstack([value, seen["val"]]).reshape(-1, 4)
    assert len(np.unique(tinted, axis=0)) == len(np.unique(value))  # brightness alone decides a pixel's colour
    assert not np.array_equal(seen["val"], seen["test"])
    assert np.array_equal(seen["test"], CYTODIFF.evaluation_view("test", 3)(image, 5))
    assert not np.array_equal(seen["test"], CYTODIFF.evaluation_view("test", 3)(image, 6))
    assert CYTODIFF.training_recolouring == (0, 1)


IN_BYTES = [  # value 0.9: hue, saturation, what the published lines give
    (-0.1, 0.8, (46, 156, 230)),  # a negative hue is blue, not red
    (-0.05, 0.5, (115, 149, 230)),
    (0.05, -0.8, (230, 255, 255)),  # a negative saturation is a bright tint, not grey
    (-0.05, -0.5, (255, 255, 230)),
]
WRAPS = np.array([-1.0]).astype(np.uint8)[0] == 255
"""Whether a cast of a negative number does here what it did where the study ran: C leaves it open."""


@pytest.mark.parametrize(("hue", "saturation", "colour"), IN_BYTES)
def test_hue_and_saturation_are_overwritten_as_the_published_lines_do(
    hue: float, saturation: float, colour: tuple[int, ...]
) -> None:
    tinted = overwrite_hsv(np.full((2, 2, 3), (0.2, 0.4, 0.9)), hue, saturation)
    assert np.array_equal((tinted * 255).round(), np.broadcast_to(colour, (2, 2, 3)))


@pytest.mark.skipif(not WRAPS, reason="skimage casts a negative number, which this machine does in another way")
def test_every_pair_the_study_draws_gives_what_skimage_gives_unclipped() -> None:
    image = np.random.default_rng(0).random((5, 4, 3))
    value = image.max(axis=2)
    for hue in HUES:
        for saturation in SATURATIONS:
            hsv = np.stack([np.full_like(value, hue), np.full_like(value, saturation), value], axis=2)
            assert np.array_equal(overwrite_hsv(image, hue, saturation), hsv2rgb(hsv).clip(0, 1)), (hue, saturation)


@pytest.mark.skipif(not WRAPS, reason="as above")
@given(st.floats(-3, 3), st.floats(-2, 2), st.floats(0, 1))
@settings(deadline=None)
def test_any_hue_and_saturation_give_what_skimage_gives(hue: float, saturation: float, value: float) -> None:
    expected = hsv2rgb(np.array([[[hue, saturation, value]]])).clip(0, 1)
    assert np.array_equal(overwrite_hsv(np.full((1, 1, 3), value), hue, saturation), expected)


def test_a_test_image_is_tinted_by_the_order_of_the_published_lines() -> None:
    image = np.full((8, 8, 3), (128, 128, 230), np.uint8)
    seen = {tuple(CYTODIFF.evaluation_view("val", 3)(image, position)[0, 0]) for position in range(40)}
    assert any(blue == 230 > red for red, _, blue in seen)  # a negative hue
    assert any(max(colour) == 255 for colour in seen)  # a negative saturation


def test_stain_is_shifted_in_skimages_space_and_white_images_are_left_alone() -> None:
    stained = np.full((2, 2, 3), (0.75, 0.45, 0.7))  # a colour that the three stains can make
    assert np.allclose(jitter_hed(stained, np.zeros(3), np.zeros(3)), stained, atol=1e-6)
    assert jitter_hed(stained, np.zeros(3), np.full(3, 0.03)).mean() < stained.mean()
    white = np.full((8, 8, 3), 250, np.uint8)
    assert np.array_equal(Recolouring(hsv=False, hed=True, seed=0)(white, 0), white)


@pytest.mark.parametrize("pooled", [True, False])
def test_groups_stay_together_under_each_setting_that_says_so(pooled: bool) -> None:
    """Every switch works alone, so that the effect of each of the study's mistakes can be measured alone."""
    data = counted({"LYA": 40, "BAS": 40})
    data.table["group"] = [f"p{i // 4}" for i in range(80)]
    protocol = replace(PROTOCOLS["strict"], pooled=pooled)
    for fold in split(data, protocol, 5, 42, synthetic=10):
        groups = [set(data.table["group"].iloc[rows]) for rows in (fold.train, fold.val, fold.test)]
        assert sum(map(len, groups)) == len(set.union(*groups)) == 20
        assert bool(fold.synthetic.get("test")) == pooled


def test_the_order_of_rows_works_without_pooling() -> None:
    data = counted({"BAS": 23, "LYA": 17})
    alone = replace(CYTODIFF, pooled=False)
    for plain, pooled in zip(split(data, alone, 5, 42), split(data, CYTODIFF, 5, 42), strict=True):
        assert np.array_equal(plain.test, np.sort(pooled.test))
    by_label = split(data, replace(alone, order="label"), 5, 42)
    assert any(not np.array_equal(a.test, b.test) for a, b in zip(by_label, split(data, alone, 5, 42), strict=True))


def test_a_chosen_image_keeps_its_recolouring() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    table = pd.DataFrame({"label": ["A"] * 5, "prompt": "", "synthetic": False})
    view = CYTODIFF.evaluation_view("test", 1)
    images = Images(table, ("A",), {"A": ""}, [_Same(image)] * 5, view)
    chosen = images.take([3, 1]).take([0])
    assert np.array_equal(chosen[0], images[3]) and not np.array_equal(images[3], images[0])


@dataclass(frozen=True)
class _Same:
    image: NDArray[np.uint8]

    def read(self) -> NDArray[np.uint8]:
        return self.image


def test_a_run_scores_pooled_images_and_beside_them_the_clean_real_ones(
    cells: Path, tmp_path: Path
) -> None:
    values: dict[str, Any] = {
        "dataset": str(cells), "preset": "pocket", "protocol": "cytodiff", "generator": ["repeat"],
        "classifier": ["random"], "synthetic": [0, 6], "shots": [4], "folds": 3, "device": "cpu",
        "out": tmp_path / "out",
    }  # fmt: skip
    result = run(**values)
    record = read_record(tmp_path / "out" / "records" / "repeat__random__s4__n6__fold0.json")
    assert set(record.scores) == {"validation", "validation_real", "test", "test_real"}
    table = predictions_of(record, tmp_path / "out" / "records" / "repeat__random__s4__n6__fold0.json")
    pooled, real = table[table["split"] == "test"], table[table["split"] == "test_real"]
    assert pooled["synthetic"].any() and not real["synthetic"].any()
    assert set(pooled["path"][~pooled["synthetic"]]) == set(real["path"])
    assert all(path.startswith("synthetic/") for path in pooled["path"][pooled["synthetic"]])
    sets = {file.parent.name for file in (tmp_path / "out" / "store" / "images").rglob("*.parquet")}
    assert len(sets) == 3  # one set a class, drawn once and used in all folds
    section = result.leaderboard.sections[0]
    assert {split for row in section.rows for split, _ in row.best} <= {"validation_real", "test_real"}
    shutil.rmtree(tmp_path / "out" / "store" / "images")  # a deleted part of the store is made again, also for a test
    (tmp_path / "out" / "records" / "repeat__random__s4__n6__fold0.json").unlink()
    again = run(**values)
    assert again.outcome.done == ["repeat__random__s4__n6__fold0"] and not again.outcome.failed
    columns = set(render(result.leaderboard, "csv").splitlines()[1].split(","))
    assert "cytodiff" in columns
    assert {row.split(",")[7] for row in render(result.leaderboard, "csv").splitlines()[1:]} == set(record.scores)
