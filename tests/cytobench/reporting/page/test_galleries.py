"""Which images a page may show, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cytobench._keys import content_key
from cytobench.contract import Request
from cytobench.decode import pixel_digest
from cytobench.plugins import load_plugins
from cytobench.reporting.page.galleries import Gallery, gallery, sources_of
from cytobench.reporting.page.gather import Group, read_groups
from cytobench.reporting.page.media import Media
from cytobench.reporting.page.pack import PackSource
from cytobench.reporting.page.pictures import make_packs
from cytobench.reporting.page.realdata import RealData, RealDataSets
from cytobench.reporting.page.sources import RealImages, StoreSource
from cytobench.storage.image_sets import ImageSet
from cytobench.storage.records.files import _digest as content_digest

from ...noise import noise
from .results import write_row

LABELS = ("A", "B")


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def put(store: Path, key: str, images: list[np.ndarray], label: str) -> None:
    """An image set of one block, as a sampling leaves it."""
    made = ImageSet(store / "images" / key[:2] / key, len(images))
    requests = [Request(label=label, prompt="", index=i, seed=i) for i in range(len(images))]
    made.write(0, list(zip(requests, images, strict=True)), {})
    tuned(store, label, ["a shot"])


def tuned(store: Path, label: str, shots: list[str]) -> None:
    """What the fit of a class leaves to tell its shots by: their pixel digests."""
    key = content_key("fit", {"label": label, "generator": "sd21-lora"})
    folder = store / "fit" / key[:2] / key
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stage.json").write_text(json.dumps({"inputs": {"shots": [[label, digest] for digest in shots]}}))


def sampled(generator: str) -> Callable[[dict[str, Any]], None]:
    """Stages of a record that sampled a set a class, and fitted one."""

    def edit(values: dict[str, Any]) -> None:
        base = {"parts": {}, "device": "Test CPU, 2 cores", "when": "2026-01-01T00:00:00+00:00", "seconds": 1.0}
        for label in LABELS:
            for kind in ("fit", "sample"):
                key = content_key(kind, {"label": label, "generator": generator})
                values["stages"].append({**base, "kind": kind, "key": key, "label": label, "images": 3})

    return edit


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A generator and the control that copies, with three images a class in a store."""
    out = tmp_path / "out"
    for number, generator in enumerate(("sd21-lora", "repeat")):
        write_row(out, 3, 0.6, LABELS, folds=[0], generator=generator, edit=sampled(generator))
        for label in LABELS:
            key = content_key("sample", {"label": label, "generator": generator})
            put(out / "store", key, [pixels(10 * number + i) for i in range(3)], label)
    return out


def shown(out: Path, real: RealData = RealData(None, "not allowed"), budget: int = 100) -> tuple[Group, Gallery | None]:  # noqa: B008
    (group,) = read_groups([out])
    return group, gallery(group, sources_of(group, None), real, budget, Media(single=True))


def strips(found: Gallery | None, label: str) -> dict[str, int]:
    assert found is not None
    (one,) = (one for one in found.classes if one.label == label)
    return {strip.title.split(",")[0]: len(strip.pictures) for strip in one.strips}


def test_copies_of_real_images_are_not_shown_as_synthetic(run: Path) -> None:
    _, found = shown(run)
    assert strips(found, "A") == {"sd21-lora": 3}
    assert found is not None and any("repeat" in line and "real ones" in line for line in found.absent)
    assert found.why_no_real == "not allowed"


def test_images_of_a_strangers_control_are_not_shown_as_synthetic_either(run: Path) -> None:
    for file in (run / "records").glob("*.json"):
        values = json.loads(file.read_text())
        del values["digest"]
        if values["generator"]["plugin"] == "sd21-lora":
            values["generator"] |= {"distribution": "cytobench-mixer", "role": "control"}
        file.write_text(json.dumps({**values, "digest": content_digest(values)}))
    assert shown(run)[1] is None


def test_an_image_with_the_pixels_of_a_shot_is_left_out(run: Path) -> None:
    from cytobench.decode import pixel_digest

    tuned(run / "store", "A", [pixel_digest(pixels(1))])
    _, found = shown(run)
    assert strips(found, "A") == {"sd21-lora": 2} and strips(found, "B") == {"sd21-lora": 3}


def test_a_fit_of_all_classes_tells_its_shots_too(run: Path) -> None:
    from cytobench.decode import pixel_digest

    [file] = (one for one in (run / "records").glob("*.json") if '"plugin": "sd21-lora"' in one.read_text())
    values = json.loads(file.read_text())
    del values["digest"]
    first = content_key("fit", {"label": "A", "generator": "sd21-lora"})
    fits = [stage for stage in values["stages"] if stage["kind"] == "fit"]
    values["stages"] = [stage for stage in values["stages"] if stage["kind"] != "fit"]
    values["stages"].append({**fits[0], "key": first, "label": None})
    file.write_text(json.dumps({**values, "digest": content_digest(values)}))
    tuned(run / "store", "A", [pixel_digest(pixels(i)) for i in range(3)])
    _, found = shown(run)
    assert found is None or not strips(found, "A").get("sd21-lora")


def test_images_whose_shots_are_not_known_are_withheld(run: Path) -> None:
    for fit in (run / "store" / "fit").rglob("stage.json"):
        fit.unlink()
    assert shown(run)[1] is None


def test_images_made_elsewhere_need_the_users_word_whatever_the_data_set(run: Path, tmp_path: Path) -> None:
    for file in (run / "records").glob("*.json"):
        values = json.loads(file.read_text())
        del values["digest"]
        values["made_elsewhere"] = "external"
        file.write_text(json.dumps({**values, "digest": content_digest(values)}))
    noise(tmp_path / "data" / "A" / "0.png", 0)
    real = RealImages(tmp_path / "data", [("A/0.png", "A", pixel_digest(pixels(0)))])
    _, public = shown(run, RealData(real))
    assert strips(public, "A") == {"Real images of the data set": 1}
    _, allowed = shown(run, RealData(real, allowed=True))
    assert strips(allowed, "A") == {"Real images of the data set": 1, "sd21-lora": 3, "repeat (copies of the shots)": 3}
    assert allowed is not None and allowed.elsewhere
    titles = {strip.title for one in allowed.classes for strip in one.strips}
    assert "sd21-lora, tuned elsewhere, fold 0" in titles and not any("shots, fold" in title for title in titles)


def test_real_images_shots_and_copies_are_there_where_allowed(run: Path, tmp_path: Path) -> None:
    for i in range(12):
        noise(tmp_path / "data" / "A" / f"{i}.png", i)
    real = RealImages(tmp_path / "data", [(f"A/{i}.png", "A", pixel_digest(pixels(i))) for i in range(12)])
    _, found = shown(run, RealData(real))
    assert strips(found, "A") == {"Real images of the data set": 8, "sd21-lora": 3, "repeat (copies of the shots)": 3}


def test_a_budget_bounds_the_pictures(run: Path) -> None:
    _, found = shown(run, budget=1)
    assert found is not None and found.n_pictures == 4  # two classes, two images each


def test_a_damaged_shard_counts_as_absent(run: Path) -> None:
    for shard in (run / "store").rglob("*.parquet"):
        shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    _, found = shown(run)
    assert found is None


@pytest.mark.parametrize("key", ["../../../etc", "", "a" * 63, "A" * 64, "/" + "a" * 63])
def test_a_key_that_is_no_digest_leads_nowhere(tmp_path: Path, key: str) -> None:
    assert list(StoreSource(tmp_path).images(key, 3)) == []
    assert StoreSource(tmp_path).shots(key) == []


def test_a_pack_stands_for_the_store_without_a_real_image(run: Path) -> None:
    written = make_packs([run], None)
    assert list(written) == [run.resolve()] and written[run.resolve()] < 20_000
    (run / "store").rename(run / "away")
    pack = PackSource(run)
    copies = content_key("sample", {"label": "A", "generator": "repeat"})
    assert list(pack.images(copies, 3)) == []
    _, found = shown(run)
    assert strips(found, "A") == {"sd21-lora": 3}
    assert found is not None and "pack" in found.source


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index["sheets"][0].update(file="../../secret.webp"),
        lambda index: index["sheets"][0].update(digest="0" * 64),
        lambda index: index["sheets"][0]["sets"][0].update(row=99) or index["sheets"][0]["sets"].pop(),
        lambda index: index.update(schema_version=9),
        lambda index: index.update(sheets=7),
    ],
)
def test_a_pack_that_does_not_fit_shows_nothing(run: Path, change) -> None:
    make_packs([run], None)
    (run / "store").rename(run / "away")
    file = run / "thumbnails" / "index.json"
    index = json.loads(file.read_text())
    change(index)
    file.write_text(json.dumps(index))
    assert shown(run)[1] is None


def test_that_images_are_public_is_the_word_of_the_plugin_alone(tmp_path: Path) -> None:
    write_row(tmp_path / "out", 3, 0.6, folds=[0])  # its record says public
    (group,) = read_groups([tmp_path / "out"])
    found = RealDataSets(allowed=False).of(group.records[0])
    assert found.images is None and "with_real_images" in found.why_none


def test_other_images_at_the_same_place_are_not_shown(cells: Path, tmp_path: Path) -> None:
    write_row(tmp_path / "out", 3, 0.6, folds=[0], edit=lambda v: v["benchmark"].update(dataset=str(cells)))
    (group,) = read_groups([tmp_path / "out"])
    found = RealDataSets(allowed=True).of(group.records[0])
    assert found.images is None and "other images" in found.why_none


def test_a_public_data_set_of_a_plugin_is_opened(cells: Path, monkeypatch) -> None:
    from cytobench.data.open import open_dataset

    dataset = open_dataset(str(cells), {}, cells.parent / "cache")
    monkeypatch.setattr("cytobench.reporting.page.realdata.declared_dataset", lambda benchmark, plugins: dataset)
    record = SimpleNamespace(benchmark={"dataset": "phantom"}, dataset=SimpleNamespace(digest=dataset.digest))
    found = RealDataSets(allowed=False, load=load_plugins).of(record)  # type: ignore[arg-type]
    assert found.images is not None
    assert len(found.images.some("A", 4)) == 4
    assert found.images.of_path("../A/00.png") is None


def measured(label: str, near: float, named: int) -> Callable[[dict[str, Any]], None]:
    """A fidelity whose test for copies found this share of near-copies of three images, and names so many pairs."""
    pair = {"space": "pixels", "shot": "A/0.png", "distance": 0.1, "transform": "turned 90"}
    pairs = [{**pair, "synthetic": f"synthetic/{label}/{i}.png"} for i in range(named)]
    copying = {"testable": False, "p_value": None, "verdict": "not testable", "n_synthetic": 3, "near_copies": near}
    none = dict.fromkeys(("kid", "kid_subset_size", "fid", "precision", "recall", "floor", "copying"))
    figures = {**none, "n_real": 2, "n_synthetic": 3, "reasons": {}}
    extractor = {"name": "lite0", "plugin": "lite0", "distribution": "cytobench", "version": "1", "revision": 1}

    def edit(values: dict[str, Any]) -> None:
        sampled("sd21-lora")(values)
        used = {"key": "k", "seed": 1, "extractor": {**extractor, "config": {}, "dimension": 8}, "total": figures}
        values["fidelity"] = [{**used, "classes": {label: {**figures, "copying": {**copying, "pairs": pairs}}}}]

    return edit


@pytest.mark.parametrize(("near", "named", "left"), [(0.0, 0, 3), (1 / 3, 1, 2), (1.0, 1, 0)])
def test_near_copies_are_left_out_and_all_of_a_class_where_not_all_are_named(
    tmp_path: Path, near: float, named: int, left: int
) -> None:
    out = write_row(tmp_path / "out", 3, 0.6, LABELS, folds=[0], edit=measured("A", near, named))
    for label in LABELS:
        key = content_key("sample", {"label": label, "generator": "sd21-lora"})
        put(out / "store", key, [pixels(i) for i in range(3)], label)
    _, found = shown(out)
    assert strips(found, "A") == {"sd21-lora": left} and strips(found, "B") == {"sd21-lora": 3}


def test_near_copies_told_by_another_record_of_the_same_images_are_left_out(tmp_path: Path) -> None:
    out = write_row(tmp_path / "out", 3, 0.6, LABELS, folds=[0], classifier="a-clip", edit=sampled("sd21-lora"))
    write_row(out, 3, 0.6, LABELS, folds=[0], classifier="resnet50", edit=measured("A", 1 / 3, 1))
    for label in LABELS:
        key = content_key("sample", {"label": label, "generator": "sd21-lora"})
        put(out / "store", key, [pixels(i) for i in range(3)], label)
    _, found = shown(out)
    assert strips(found, "A") == {"sd21-lora": 2} and strips(found, "B") == {"sd21-lora": 3}


def test_the_nearest_pairs_are_shown_where_real_images_may_be(tmp_path: Path) -> None:
    noise(tmp_path / "data" / "A" / "0.png", 0)
    out = write_row(tmp_path / "out", 3, 0.6, LABELS, folds=[0], edit=measured("A", 1 / 3, 1))
    for label in LABELS:
        key = content_key("sample", {"label": label, "generator": "sd21-lora"})
        put(out / "store", key, [pixels(i) for i in range(3)], label)
    _, found = shown(out, RealData(RealImages(tmp_path / "data", [("A/0.png", "A", pixel_digest(pixels(0)))])))
    assert found is not None
    (one,) = (one for one in found.classes if one.label == "A")
    ((made, shot, near),) = one.pairs
    assert near == "0.100 in pixels, turned 90"
    assert "image 0" in made.alt and "A/0.png" in shot.caption
    assert one.copying == ("sd21-lora, 16 shots, fold 0: not testable",)
