"""The test for copies in a run: which images it compares, when it may, and what the record says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cytobench.api import plan, run
from cytobench.config.benchmark import Benchmark
from cytobench.config.resolve import ready_generator
from cytobench.decode import decode_image, pixel_digest
from cytobench.images import FilePixels, Images, View
from cytobench.metrics.copying.pixels import TRANSFORMS, transform
from cytobench.pipeline.fidelity.compare import compare
from cytobench.pipeline.fidelity.copies import Untested
from cytobench.pipeline.fidelity.extract import reading, ready_extractor
from cytobench.pipeline.fidelity.folders import open_collection
from cytobench.pipeline.fidelity.tuning import HELD_OUT, OF_OTHER_GROUPS, held_out_rows, why_untested
from cytobench.plugins import load_plugins
from cytobench.protocols import find_protocol
from cytobench.storage.records import FidelityUsed, read_record

from ...noise import noise

Seen = Callable[[], list[str]]
PATIENTS = 5


@pytest.fixture
def values(tmp_path: Path, seen: Seen) -> dict[str, Any]:
    """Fold 0 of three of 20 noise images of each of two classes; ``repeat`` gives copies of four shots."""
    rows = ["path,label,group"]
    for number, label in enumerate("AB"):
        for i in range(20):
            noise(tmp_path / "cells" / label / f"{i:02d}.png", 100 * number + i)
            rows.append(f"cells/{label}/{i:02d}.png,{label},Mrs {i % PATIENTS}")
    (tmp_path / "grouped.csv").write_text("\n".join(rows))
    return {
        "dataset": str(tmp_path / "cells"), "preset": "pocket", "generator": ["repeat"], "classifier": ["random"],
        "synthetic": [8], "shots": [4], "folds": 3, "fold": [0], "device": "cpu", "extractor": ["colours"],
        "out": tmp_path / "out",
    }  # fmt: skip


def measured(values: dict[str, Any]) -> FidelityUsed:
    run(**values)
    [file] = (values["out"] / "records").glob("*.json")
    [fidelity] = read_record(file).fidelity
    return fidelity


def inputs(values: dict[str, Any]) -> dict[str, Any]:
    [file] = (values["out"] / "store" / "fidelity").glob("*/*/stage.json")
    content: dict[str, Any] = json.loads(file.read_text())
    return dict(content["inputs"])


def digests(rows: list[list[Any]], label: str | None = None) -> set[str]:
    return {digest for of, digest, _ in rows if label in (None, of)}


def held_back(values: dict[str, Any]) -> set[str]:
    """Pixel digests of the real images that the fold validates and tests on."""
    [file] = (values["out"] / "predictions").glob("*.parquet")
    table = pd.read_parquet(file)
    real = table.loc[~table["synthetic"], "path"]
    root = Path(values["dataset"])
    root = root if root.is_dir() else root.parent
    return {pixel_digest(decode_image(root / path)) for path in real}


def test_copies_of_the_shots_are_found_and_named(values: dict[str, Any]) -> None:
    fidelity = measured(values)
    total = fidelity.total.copying
    assert total is not None
    assert total["testable"] and total["classes_found"] == total["classes_tested"] == ["A", "B"]
    assert total["p_value"] <= 0.05 and total["near_copies"] == 1.0
    assert total["verdict"].startswith("copies found: 16 synthetic images are near-copies of a shot")
    for label, figures in fidelity.classes.items():
        assert figures.copying is not None
        assert (figures.copying["n_shots"], figures.copying["n_held_out"], figures.copying["n_synthetic"]) == (4, 16, 8)
        assert figures.copying["p_holm"] >= figures.copying["p_combined"] >= figures.copying["smallest_p"] > 0
        pair = figures.copying["pairs"][0]
        assert pair["synthetic"].startswith(f"synthetic/{label}/") and pair["shot"].startswith(f"{label}/")
    [sheet] = (values["out"] / "store" / "fidelity").glob("*/*/pairs.png")
    assert Image.open(sheet).size[0] > 500


def test_without_groups_all_other_images_of_the_class_are_held_out(values: dict[str, Any]) -> None:
    run(**values)
    keyed = inputs(values)
    for label in "AB":
        shots, others = digests(keyed["shots"], label), digests(keyed["held_out"], label)
        assert (len(shots), len(others)) == (4, 16) and not shots & others
    assert digests(keyed["held_out"]) > held_back(values), "and others of the training part"


def test_with_groups_the_held_out_images_are_in_training_as_the_shots_are(values: dict[str, Any]) -> None:
    grouped = {**values, "dataset": str(Path(values["dataset"]).parent / "grouped.csv")}
    fidelity = measured(grouped)
    keyed = inputs(grouped)
    assert not digests(keyed["held_out"]) & held_back(grouped)
    groups = {part: {group for _, _, group in keyed[part]} for part in ("shots", "held_out")}
    assert groups["shots"] <= groups["held_out"] and None not in groups["held_out"]
    assert fidelity.total.copying is not None and fidelity.total.copying["testable"]


def test_names_of_patients_stay_in_the_data_set(values: dict[str, Any]) -> None:
    run(**{**values, "dataset": str(Path(values["dataset"]).parent / "grouped.csv")})
    for file in (*values["out"].rglob("*.json"), *values["out"].rglob("*.toml")):
        assert "Mrs" not in file.read_text(), file


def test_what_was_made_elsewhere_is_not_testable(values: dict[str, Any], tmp_path: Path) -> None:
    images = {"folder": {"path": values["dataset"]}}
    elsewhere = {**values, "generator": ["folder"], "set": images, "trained_on": "external"}
    fidelity = measured(elsewhere)
    assert fidelity.total.copying is not None
    assert (fidelity.total.copying["testable"], fidelity.total.copying["p_value"]) == (False, None)
    assert "not drawn at random in this run" in fidelity.total.copying["verdict"]
    assert all(figures.copying is None for figures in fidelity.classes.values())


def test_a_generator_without_shots_has_nothing_to_copy() -> None:
    untested = {}
    for name in ("oracle", "sd21", "repeat", "sd21-lora"):
        ready = ready_generator(name, Benchmark(generator=(name,), dataset="phantom"), load_plugins(), "pocket")
        untested[name] = why_untested(ready)
    assert untested["repeat"] is untested["sd21-lora"] is None
    for name in ("oracle", "sd21"):
        result = untested[name]
        assert result is not None and result.as_json() is None
        assert result.reason == "needs a generator that is tuned on shots"


def test_the_reference_holds_no_shot_where_the_protocol_tests_on_them(values: dict[str, Any]) -> None:
    loose = {**values, "protocol": "cytodiff", "shots": [12]}
    fidelity = measured(loose)
    keyed = inputs(loose)
    assert not digests(keyed["real"]) & digests(keyed["shots"])
    assert digests(keyed["shots"]) & held_back(loose), "the protocol does test on shots"
    assert fidelity.total.n_real == len(keyed["real"]) < len(held_back(loose))


def test_images_of_a_class_without_a_reference_do_not_count_among_all(values: dict[str, Any]) -> None:
    for i in range(20):
        noise(Path(values["dataset"]) / "C" / f"{i:02d}.png", 900 + i)
    fidelity = measured({**values, "train_only": ["B"]})
    assert (fidelity.classes["B"].n_real, fidelity.classes["B"].n_synthetic) == (0, 8)
    assert fidelity.classes["B"].kid is None
    assert fidelity.total.n_synthetic == 16
    assert fidelity.classes["B"].copying is not None and fidelity.classes["B"].copying["testable"]


def test_other_shots_are_other_work(values: dict[str, Any]) -> None:
    run(**values)
    more = plan(**{**values, "shots": [4, 5], "fold": [0]})
    assert [(item.todo, item.there) for item in more.items if item.kind == "fidelity"] == [(1, 0)]


def test_symmetric_features_are_the_mean_over_flips_and_turns_and_know_none(tmp_path: Path, seen: Seen) -> None:
    noise(tmp_path / "one.png", 1)
    image = decode_image(tmp_path / "one.png")
    Image.fromarray(np.ascontiguousarray(transform(image, "flipped, turned 90"))).save(tmp_path / "turned.png")
    files = [tmp_path / "one.png", tmp_path / "turned.png"]
    table = pd.DataFrame({"label": ["A", "A"], "prompt": "", "synthetic": False})
    images = Images(table, ("A",), {"A": ""}, [FilePixels(file) for file in files], View(crop=0.75))
    named = [pixel_digest(decode_image(file)) for file in files]
    extractor = ready_extractor("colours", {"top": True}, load_plugins(), "paper")
    with reading(extractor, tmp_path / "kept", "cpu") as reader:
        upright, symmetric = reader.features(images, named), reader.symmetric_features(images, named)
        assert reader.extracted == len(seen()) == 2 * 8
        again = reader.symmetric_features(images.take([1]), named[1:])
    assert np.abs(upright[0] - upright[1]).max() > 0.001
    np.testing.assert_allclose(symmetric[0], symmetric[1], atol=1e-6)
    shown = [transform(images[0], name) for name in TRANSFORMS]
    expected = np.mean([image[: len(image) // 2].reshape(-1, 3).mean(axis=0) / 255 for image in shown], axis=0)
    np.testing.assert_allclose(symmetric[0], expected, atol=1e-6)
    np.testing.assert_array_equal(again[0], symmetric[1])
    assert len(seen()) == 16


def test_all_images_are_those_of_the_classes_that_both_sides_have(tmp_path: Path, seen: Seen) -> None:
    for name, labels in (("real", "ABC"), ("made", "BCD")):
        for number, label in enumerate(labels):
            for i in range(5):
                noise(tmp_path / name / label / f"{i}.png", 50 * number + i + len(name + label))
    view = find_protocol("strict").view
    real, synthetic = (open_collection(tmp_path / name, "DIR", view, tmp_path).part for name in ("real", "made"))
    with reading(ready_extractor("colours", {}, load_plugins(), "paper"), tmp_path / "kept", "cpu") as reader:
        comparison = compare(reader, real, synthetic, "ABCD", 0, Untested("not asked for", tuned=False))
    assert (comparison.total.n_real, comparison.total.n_synthetic) == (10, 10)
    assert {label: (figures.n_real, figures.n_synthetic) for label, figures in comparison.classes.items()} == {
        "A": (5, 0), "B": (5, 5), "C": (5, 5), "D": (0, 5),
    }  # fmt: skip


def numbered(n: int, groups: list[str | None] | None = None) -> pd.DataFrame:
    digest = [f"d{i}" for i in range(n)]
    return pd.DataFrame({"label": ["A"] * n, "digest": digest, "group": groups or [None] * n})


def test_held_out_rows_are_a_random_part_without_the_shots_pixels() -> None:
    table = numbered(1000)
    table.loc[7, "digest"] = "d3"  # a copy of a shot
    shots = {"A": np.arange(5)}
    rows = held_out_rows(table, np.arange(900), shots, seed=1)
    assert len(rows) == len(set(rows)) == HELD_OUT and list(rows) == sorted(rows)
    assert not set(rows) & {0, 1, 2, 3, 4, 7} and max(rows) < 900
    assert list(rows) == list(held_out_rows(table, np.arange(900), shots, seed=1))
    assert list(rows) != list(held_out_rows(table, np.arange(900), shots, seed=2))


def test_held_out_rows_are_first_of_the_shots_groups() -> None:
    groups: list[str | None] = ["x"] * 350 + ["y"] * 650
    rows = held_out_rows(numbered(1000, groups), np.arange(1000), {"A": np.arange(10)}, seed=0)
    assert (sum(rows < 350), len(rows)) == (HELD_OUT - OF_OTHER_GROUPS, HELD_OUT)
    few = held_out_rows(numbered(360, groups[:360]), np.arange(360), {"A": np.arange(10)}, seed=0)
    assert len(few) == 350, "all that there are"
