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
from cytobench.data.folder import list_flat, load_folder
from cytobench.decode import BadImage, decode_image, encode_png
from cytobench.errors import ChangedFile, UserError
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


NAMES = {
    "0.png": True, "1.PNG": True, "2.TiFF": True, "3.jfif": True, "4.pgm": True, "5.GIF": True,
    "._0.png": False, ".hidden.png": False, "6.txt": False, "7": False, "8.png.bak": False, ".DS_Store": False,
}  # fmt: skip


def test_folder_reads_what_a_data_set_would_and_its_digest_covers_just_that(
    tmp_path: Path, context: Callable[..., Context]
) -> None:
    made = tmp_path / "made"
    for i, name in enumerate(NAMES):
        for label in LABELS:
            (made / label).mkdir(parents=True, exist_ok=True)
            (made / label / name).write_bytes(encode_png(noise(i)))
    (made / "top.png").write_bytes(encode_png(noise(90)))
    (made / ".A").mkdir()
    (made / ".A" / "0.png").write_bytes(encode_png(noise(91)))
    counted = sorted(f"{label}/{name}" for label in LABELS for name, counts in NAMES.items() if counts)
    dataset = load_folder(made, tmp_path / "cache")
    assert sorted(dataset.table["path"]) == counted
    flat = list_flat(made / "A")
    assert flat is not None and sorted(flat.table["path"]) == sorted(name for name, counts in NAMES.items() if counts)
    asset = resolve_asset(FolderConfig(path=str(made)).assets()["path"], "folder.path")
    assert sorted(asset.files) == counted
    drawn = [image for _, image in open_folder(made, context).sample(requests("A", 6))]
    wanted = [decode_image(made / "A" / name) for name in sorted(name for name, counts in NAMES.items() if counts)]
    assert all(np.array_equal(image, other) for image, other in zip(drawn, wanted, strict=True))
    for name, counts in NAMES.items():
        before = resolve_asset(FolderConfig(path=str(made)).assets()["path"], "folder.path").digest
        (made / "B" / name).write_bytes(encode_png(noise(200)))
        changed = resolve_asset(FolderConfig(path=str(made)).assets()["path"], "folder.path").digest != before
        assert changed == counts, name
        (made / "B" / name).unlink()


def test_folder_follows_linked_classes_and_folds(tmp_path: Path, context: Callable[..., Context]) -> None:
    fill(tmp_path / "elsewhere", {"A": 2, "B": 2})
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "fold0").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    [(_, image)] = open_folder(tmp_path / "made", context, 0).sample(requests("A", 1))
    assert np.array_equal(image, noise(0))
    (tmp_path / "linked").mkdir()
    for label in LABELS:
        (tmp_path / "linked" / label).symlink_to(tmp_path / "elsewhere" / label, target_is_directory=True)
    [(_, image)] = open_folder(tmp_path / "linked", context).sample(requests("B", 1))
    assert np.array_equal(image, noise(0))


def test_folder_refuses_a_file_in_its_place(tmp_path: Path, context: Callable[..., Context]) -> None:
    (tmp_path / "one.png").write_bytes(encode_png(noise(0)))
    with pytest.raises(UserError, match=r"one\.png is a file"):
        open_folder(tmp_path / "one.png", context)


def test_folder_refuses_a_picture_that_changed_after_the_plan(
    tmp_path: Path, context: Callable[..., Context]
) -> None:
    fill(tmp_path / "made", {"A": 2, "B": 2})
    sampler = open_folder(tmp_path / "made", context)
    (tmp_path / "made" / "A" / "extra.png").write_bytes(encode_png(noise(7)))
    with pytest.raises(UserError, match="holds 2 images"):  # it was not planned with
        list(sampler.sample(requests("A", 3)))
    (tmp_path / "made" / "A" / "001.png").write_bytes(encode_png(noise(7)))
    with pytest.raises(ChangedFile, match=r"A/001\.png is not what the work was planned with"):
        list(sampler.sample(requests("A", 2)))
    (tmp_path / "made" / "B" / "001.png").unlink()
    with pytest.raises(ChangedFile, match=r"B/001\.png cannot be read any more"):
        list(sampler.sample(requests("B", 2)))


def test_folder_names_the_file_that_cannot_be_used(tmp_path: Path, context: Callable[..., Context]) -> None:
    fill(tmp_path / "made", {"A": 1, "B": 1})
    (tmp_path / "made" / "A" / "000.png").write_bytes(b"no picture")
    with pytest.raises(BadImage, match=r"A/000\.png: no image"):
        list(open_folder(tmp_path / "made", context).sample(requests("A", 1)))
