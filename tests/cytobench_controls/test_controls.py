"""The controls: repeat, folder and random."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from cytobench.assets import resolve_asset
from cytobench.config.options import generator_configs
from cytobench.context import Context
from cytobench.contract import PluginConfig, Request, SampleConfig
from cytobench.decode import encode_png
from cytobench.errors import UserError
from cytobench.images import FilePixels, Images
from cytobench.plugins import load_plugins
from cytobench_controls.folder import Folder, FolderConfig
from cytobench_controls.random import Random, RandomConfig
from cytobench_controls.repeat import Repeat

LABELS = ("A", "B")


def noise(seed: int, side: int = 12) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def requests(label: str, n: int) -> list[Request]:
    return [Request(label, "a cell", i, i) for i in range(n)]


def images(folder: Path, count: int, labels: tuple[str, ...] = LABELS) -> Images:
    folder.mkdir(exist_ok=True)
    pixels = []
    for i in range(count):
        file = folder / f"{i}.png"
        file.write_bytes(encode_png(noise(i, 12 + i)))
        pixels.append(FilePixels(file))
    table = pd.DataFrame({"label": [labels[i % len(labels)] for i in range(count)]})
    table["prompt"], table["synthetic"] = "", False
    return Images(table, labels, dict.fromkeys(labels, "a cell"), pixels)


@pytest.fixture
def context(tmp_path: Path) -> Callable[..., Context]:
    def make(name: str = "out", **changes: object) -> Context:
        (tmp_path / name).mkdir(exist_ok=True)
        values = {"seed": 5, "device": "cpu", "dtype": "float32", "out": tmp_path / name, "labels": LABELS}
        return Context(**{**values, **changes})  # type: ignore[arg-type]

    return make


def test_repeat_gives_the_shots_in_turn_pixel_for_pixel(
    tmp_path: Path, context: Callable[..., Context]
) -> None:
    generator = Repeat(PluginConfig(), SampleConfig())
    for label, count in (("A", 3), ("B", 11)):
        generator.fit(images(tmp_path / f"shots {label}", count, (label,)), context(label))
    artefacts = {label: tmp_path / label for label in LABELS}
    sampler = generator.open(artefacts, context())
    for label, count in (("A", 3), ("B", 11)):
        drawn = list(sampler.sample(requests(label, 14)))
        assert [request.index for request, _ in drawn] == list(range(14))
        assert all(
            np.array_equal(image, noise(i % count, 12 + i % count)) for i, (_, image) in enumerate(drawn)
        )
    sampler.close()


def fill(folder: Path, counts: dict[str, int], first: int = 0) -> None:
    for label, count in counts.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            (folder / label / f"{i:03d}.png").write_bytes(encode_png(noise(first + i)))


def open_folder(folder: Path, context: Callable[..., Context], fold: int | None = None):  # type: ignore[no-untyped-def]
    config = FolderConfig(path=str(folder))
    asset = resolve_asset(config.assets()["path"], "folder.path")
    return Folder(config, SampleConfig()).open({}, context(assets={"path": asset}, fold=fold))


def test_folder_gives_files_in_the_order_of_their_names(
    tmp_path: Path, context: Callable[..., Context]
) -> None:
    fill(tmp_path / "made", {"A": 4, "B": 2})
    (tmp_path / "made" / "A" / "notes.txt").write_text("no image")
    sampler = open_folder(tmp_path / "made", context, fold=2)
    drawn = list(sampler.sample(requests("A", 4)))
    assert all(np.array_equal(image, noise(i)) for i, (_, image) in enumerate(drawn))
    with pytest.raises(UserError, match=r"B holds 2 images, but image number 3 is asked for"):
        list(sampler.sample(requests("B", 3)))


def test_folder_gives_each_fold_its_own(tmp_path: Path, context: Callable[..., Context]) -> None:
    for fold in range(2):
        fill(tmp_path / "made" / f"fold{fold}", {"A": 2, "B": 2}, first=100 * fold)
    for fold in range(2):
        [(_, image)] = open_folder(tmp_path / "made", context, fold).sample(requests("A", 1))
        assert np.array_equal(image, noise(100 * fold))
    with pytest.raises(UserError, match="fold2"):
        list(open_folder(tmp_path / "made", context, 2).sample(requests("A", 1)))


def test_a_changed_image_changes_what_the_folder_says_it_ran(
    tmp_path: Path, context: Callable[..., Context]
) -> None:
    fill(tmp_path / "made", {"A": 2, "B": 2})
    before = open_folder(tmp_path / "made", context).ran
    assert open_folder(tmp_path / "made", context).ran == before
    (tmp_path / "made" / "B" / "001.png").write_bytes(encode_png(noise(7)))
    assert open_folder(tmp_path / "made", context).ran != before


def test_folder_is_asked_for_no_more_images_than_the_run_uses() -> None:
    """Images come in whole blocks; a folder of 100 must serve --synthetic 100, which 8 does not divide."""
    spec = load_plugins().generator("folder").spec
    _, sample = generator_configs(spec, "paper", {"path": "made"})
    assert isinstance(sample, SampleConfig)
    assert sample.batch_size == 1


def test_random_is_uniform_normalised_and_settled_by_its_seed(
    tmp_path: Path, context: Callable[..., Context]
) -> None:
    few = images(tmp_path / "images", 2, ("A", "B", "C"))
    many = few.take([0] * 6000)
    classifier = Random(RandomConfig())
    checkpoints = classifier.fit(few, few, context())
    assert checkpoints.picked == checkpoints.last
    first, again = (classifier.open(checkpoints.picked, context()).predict_proba(many) for _ in range(2))
    assert first.shape == (6000, 3)
    assert first.dtype == np.float32
    assert np.allclose(first.sum(axis=1), 1, atol=1e-5)
    assert np.array_equal(first, again)
    share = np.bincount(first.argmax(axis=1), minlength=3) / 6000
    assert np.abs(share - 1 / 3).max() < 0.03
    other = classifier.fit(few, few, context("other", seed=6))
    assert not np.array_equal(first, classifier.open(other.picked, context()).predict_proba(many))
