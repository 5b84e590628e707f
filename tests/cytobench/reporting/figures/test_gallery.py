"""Galleries show what a run's store holds, and real images only where they may be shown."""

from __future__ import annotations

import base64
import io
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cytobench.analysis.results import read_candidates
from cytobench.api import RunResult
from cytobench.reporting.figures import Drawing, drawings, svg
from cytobench.reporting.figures.pictures import open_run
from cytobench_phantom.morphology import LABELS

Run = Callable[..., RunResult]


def gallery(folder: Path, only: str, **options: object) -> tuple[list[Drawing], list[str]]:
    said: list[str] = []
    return list(drawings([folder], [only], say=said.append, **options)), said  # type: ignore[arg-type]


def pixels(drawing: Drawing) -> np.ndarray:
    """The picture inside the SVG."""
    (found,) = ET.fromstring(svg(drawing)).iter("{http://www.w3.org/2000/svg}image")
    data = next(value for key, value in found.attrib.items() if key.endswith("href"))
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))).convert("RGB"))


def headings(drawing: Drawing) -> set[str]:
    return {"".join(one.itertext()) for one in ET.fromstring(svg(drawing)).iter("{http://www.w3.org/2000/svg}text")}


def test_copies_of_images_that_are_not_public_are_shown_only_where_that_is_allowed(small: Run, tmp_path: Path) -> None:
    small(fold=[0])
    found, said = gallery(tmp_path / "out", "S1")
    assert not found
    (message,) = said
    assert "not public" in message and "with_real_images" in message
    (drawing,), _ = gallery(tmp_path / "out", "S1", with_real_images=True)
    assert {"real, test", "shots", "control", "A", "B", "C"} <= headings(drawing)
    assert "synthetic" not in drawing.title.replace("not synthetic", "")
    assert "the first 3 of 3 a class for 3 classes, beside real test images and shots" in drawing.alt


def test_a_gallery_shows_the_very_images_of_the_store(small: Run, tmp_path: Path, cells: Path) -> None:
    small(fold=[0])
    (drawing,), _ = gallery(tmp_path / "out", "gallery-repeat-s2", with_real_images=True)
    canvas = pixels(drawing)
    real = [np.asarray(Image.open(file).convert("RGB")) for file in sorted((cells / "A").glob("*.png"))]
    side = real[0].shape[0]
    first_row = canvas[: side + 4]
    found = sum(_inside(first_row, image) for image in real)
    assert found >= 4  # two test images, and both shots


def _inside(canvas: np.ndarray, image: np.ndarray) -> bool:
    height, width = image.shape[:2]
    return any(
        np.array_equal(canvas[top : top + height, left : left + width], image)
        for top in range(canvas.shape[0] - height + 1)
        for left in range(canvas.shape[1] - width + 1)
    )


def test_numbers_of_shots_stand_beside_each_other(small: Run, tmp_path: Path) -> None:
    small(shots=[1, 2], fold=[0])
    (drawing,), _ = gallery(tmp_path / "out", "S5", with_real_images=True)
    assert {"1 shot", "2 shots", "real, test"} <= headings(drawing)
    assert drawing.tags == ("S5", "S6", "S7")
    assert "from 1, 2 shots" in drawing.alt
    assert "same seed" not in drawing.caption  # copies are made from no noise


@pytest.mark.parametrize("kind", ["public", "drawn"])
def test_a_public_or_drawn_data_set_may_be_shown(small: Run, tmp_path: Path, kind: str) -> None:
    small(fold=[0])
    (section,) = read_candidates([tmp_path / "out"])
    one = next(row for row in section if row.row.n_synthetic)
    run = open_run(tmp_path / "out", tmp_path / "out" / "store", 0, "float32")
    assert not run.shows_real and run.why_private(one)
    shown = replace(run.resolved.dataset, **{kind: True})
    run = replace(run, resolved=replace(run.resolved, dataset=shown))
    assert run.shows_real and not run.why_private(one)


def test_without_a_store_there_is_no_gallery_and_it_is_said(small: Run, tmp_path: Path) -> None:
    small(fold=[0])
    shutil.move(tmp_path / "out" / "store", tmp_path / "elsewhere")
    said: list[str] = []
    names = [drawing.name for drawing in drawings([tmp_path / "out"], say=said.append)]
    assert "cost-stages" in names and not any(name.startswith("gallery") for name in names)
    assert any("no gallery" in message and "store" in message for message in said)
    found, _ = gallery(tmp_path / "out", "S1", with_real_images=True, store=tmp_path / "elsewhere")
    assert found


def test_a_store_that_lacks_images_leaves_the_gallery_out(small: Run, tmp_path: Path) -> None:
    small(fold=[0])
    shutil.rmtree(tmp_path / "out" / "store" / "images")
    found, said = gallery(tmp_path / "out", "S1", with_real_images=True)
    assert not found and any("lacks images of repeat/random/s2/n3" in message for message in said)


def test_looking_at_results_starts_no_program_that_their_benchmark_names(small: Run, tmp_path: Path) -> None:
    small(fold=[0])
    file = tmp_path / "out" / "benchmark.toml"
    text = file.read_text().replace('    "repeat",\n', '    "repeat",\n    "command",\n')
    started = tmp_path / "started"
    file.write_text(f'{text}\n[set.command]\nsample = "echo {{request}}"\nversion = "touch {started}"\n')
    found, said = gallery(tmp_path / "out", "S1", with_real_images=True)
    assert not found and "start the programs of command" in said[0]
    assert not started.exists()


def test_a_generator_of_an_earlier_run_of_the_folder_leaves_its_gallery_out_alone(small: Run, tmp_path: Path) -> None:
    small(fold=[0])
    file = tmp_path / "out" / "benchmark.toml"
    text = re.sub(r"\[set\.repeat\]\n[^\[]*", "", file.read_text())
    file.write_text(text.replace('    "repeat",\n', '    "sd21",\n'))
    found, said = gallery(tmp_path / "out", "S1", with_real_images=True)
    assert not found and "does not name repeat" in said[0]


def test_images_made_elsewhere_need_leave_whatever_the_data_set(small: Run, tmp_path: Path, cells: Path) -> None:
    made = {"generator": ["folder"], "set": {"folder": {"path": str(cells)}}, "dataset": "phantom", "limit": 3}
    shutil.rmtree(cells)
    for label in LABELS:
        for i in range(3):
            (cells / label).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 16), (i, 0, 0)).save(cells / label / f"{i}.png")
    small(**made, merge=[], fold=[0], train_only=[])
    found, said = gallery(tmp_path / "out", "S1")
    assert not found and "with_real_images" in said[0]
