"""TCIA's layout of the Munich data set: real files where they are at hand, made ones elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cytobench.cli import main
from cytobench.data.dataset import from_listing, undecoded
from cytobench.data.open import list_path
from cytobench.errors import UserError
from cytobench.protocols import PROTOCOLS, split

REAL = Path(__file__).parents[4] / "shared" / "data" / "matek"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} (cells of the Munich data set) is not here")


def laid(folder: Path, lines: str, images: tuple[str, ...] = (), inside: bool = False) -> Path:
    root = folder / "AML-Cytomorphology_LMU"
    root.mkdir(parents=True)
    (root if inside else folder).joinpath("annotations.dat").write_text(lines)
    for i, name in enumerate(images):
        file = root / name
        file.parent.mkdir(exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 256, (12, 12, 4), np.uint8)
        Image.fromarray(pixels, "RGBA").save(file)
    return folder


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("parent", [True, False])
def test_folder_or_parent_is_read_with_annotations_in_either(tmp_path: Path, inside: bool, parent: bool) -> None:
    lines = "BAS/BAS_0001.tiff BAS nan nan\nLYA/LYA_0001.tiff LYA nan nan\nBAS/BAS_0002.tiff EOS BAS BAS\n"
    laid(tmp_path, lines, ("BAS/BAS_0001.tiff", "BAS/BAS_0002.tiff", "LYA/LYA_0001.tiff"), inside)
    listing = list_path(str(tmp_path if parent else tmp_path / "AML-Cytomorphology_LMU"), {})
    assert dict(zip(listing.table["path"], listing.table["label"], strict=True)) == {
        "LYA/LYA_0001.tiff": "Atypical Lymphocyte",
        "BAS/BAS_0001.tiff": "Basophil",
        "BAS/BAS_0002.tiff": "Eosinophil",  # the second column counts, not the folder
    }
    assert list(listing.table["label"]) == sorted(listing.table["label"])
    dataset = from_listing(listing, tmp_path / "cache")
    assert dataset.label_of("LYA") == "Atypical Lymphocyte" and dataset.table["digest"].nunique() == 3


def test_missing_images_are_left_out_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = "".join(f"BAS/BAS_{i:04d}.tiff BAS nan nan\n" for i in range(1, 6))
    laid(tmp_path, lines, ("BAS/BAS_0003.tiff",))
    listing = list_path(str(tmp_path), {})
    assert list(listing.table["path"]) == ["BAS/BAS_0003.tiff"]
    assert [path for _, path in listing.padding] == [f"BAS/BAS_{i:04d}.tiff" for i in (1, 2, 4, 5)]
    assert "4 of the 5 images" in caplog.text
    assert len(list_path(str(tmp_path), {}, present_only=False).table) == 5


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("BAS/BAS_0001.tiff\n", "line 1: .* is no path and label"),
        ("BAS/BAS_0001.tiff XYZ nan nan\n", "line 1: 'XYZ' is no class code"),
        ("../BAS_0001.tiff BAS nan nan\n", "leads out of the folder"),
        ("/etc/passwd BAS nan nan\n", "leads out of the folder"),
        ("B/a.tiff BAS nan nan\nB/a.tiff BAS nan nan\n", "line 2: B/a.tiff is listed twice"),
        ("\n\n", "lists no image"),
        ("BAS/BAS_0001.tiff BAS nan nan\n", "none of the 1 images"),
    ],
)
def test_broken_annotations_are_refused_by_name(tmp_path: Path, lines: str, message: str) -> None:
    laid(tmp_path, lines)
    with pytest.raises(UserError, match=message):
        list_path(str(tmp_path), {})


def test_another_file_called_annotations_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "own" / "A").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(tmp_path / "own" / "A" / "x.png")
    (tmp_path / "own" / "annotations.dat").write_text("my notes\n")
    assert list(list_path(str(tmp_path / "own"), {}).table["label"]) == ["A"]


def test_the_folder_is_known_from_within_and_links_out_of_it_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid(tmp_path, "BAS/BAS_0001.tiff BAS nan nan\nout/x.tiff BAS nan nan\n", ("BAS/BAS_0001.tiff",))
    monkeypatch.chdir(tmp_path / "AML-Cytomorphology_LMU")
    assert list(list_path(".", {}).table["label"]) == ["Basophil"]
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "x.tiff").write_bytes(b"secret")
    (tmp_path / "AML-Cytomorphology_LMU" / "out").symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match="links that lead out"):
        list_path(str(tmp_path), {})


@needs_real
def test_a_part_of_the_munich_set_falls_where_it_falls_in_the_whole() -> None:
    """Also the images of a run are divided as `data split` shows, whatever is missing."""
    whole, part = (undecoded(list_path(str(REAL), {}, present_only=only)) for only in (False, True))
    assert len(part) == 30 and len(part.padding) == 18_335 + 7
    for full, found in zip(
        *(split(data, PROTOCOLS["cytodiff"], 5, 42, synthetic=0) for data in (whole, part)), strict=True
    ):
        for name in ("train", "val", "test"):
            named = set(whole.table["path"].iloc[getattr(full, name)])
            assert set(part.table["path"].iloc[getattr(found, name)]) == named & set(part.table["path"])


@needs_real
def test_the_whole_munich_set_is_divided_as_in_the_study_without_an_image() -> None:
    listing = list_path(str(REAL), {}, present_only=False)
    assert len(listing.table) == 18_365 and len(listing.padding) == 7
    none, hundred = (split(undecoded(listing), PROTOCOLS["cytodiff"], 5, 42, synthetic=n)[0] for n in (0, 100))
    padded = 7 - sum(len(part) for part in (none.train, none.val, none.test)) + 18_365
    assert padded == 7  # none of the padded rows is in any part
    assert 3_674 - 7 <= len(none.test) <= 3_674
    assert 746 - 7 <= len(set(none.test) & set(hundred.test)) <= 746


@needs_real
def test_split_command_on_the_real_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (REAL, REAL / "AML-Cytomorphology_LMU"):
        with pytest.raises(SystemExit) as ended:
            options = ["--protocol", "cytodiff", "--synthetic", "2", "--out", str(tmp_path / "s.csv")]
            main(["data", "split", str(folder), *options])
        assert ended.value.code == 0
        table = pd.read_csv(tmp_path / "s.csv")
        assert len(table) == 18_365 + 2 * 15
        assert table["label"].iloc[0] == "Atypical Lymphocyte"
        assert table["path"].iloc[-1] == "synthetic/Typical Lymphocyte/1.png"
    assert "is not there" not in capsys.readouterr().err


@needs_real
def test_the_real_cells_are_read_as_rgb(tmp_path: Path) -> None:
    dataset = from_listing(list_path(str(REAL), {}), tmp_path / "cache")
    assert len(dataset) == 30 and len(dataset.labels) == 10
