"""An image goes once through an extractor, and its features are kept by what decides them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from cytobench.config.grid import ReadyExtractor
from cytobench.decode import pixel_digest
from cytobench.errors import CytobenchError, UserError
from cytobench.images import Images, View
from cytobench.pipeline.fidelity.extract import reading, ready_extractor
from cytobench.plugins import load_plugins

Seen = Callable[[], list[str]]


class Drawn:
    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.image = image

    def read(self) -> NDArray[np.uint8]:
        return self.image


def draw(n: int, seed: int = 0) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (20 + i % 3, 24, 3), dtype=np.uint8) for i in range(n)]


def images(pixels: list[NDArray[np.uint8]], view: View = View()) -> tuple[Images, list[str]]:  # noqa: B008 frozen
    table = pd.DataFrame({"label": ["A"] * len(pixels), "prompt": "", "synthetic": False})
    digests = [pixel_digest(image) for image in pixels]
    return Images(table, ("A",), {"A": ""}, [Drawn(image) for image in pixels], view), digests


def colours(**values: object) -> ReadyExtractor:
    return ready_extractor("colours", values, load_plugins(), "paper")


def test_features_are_of_the_view_and_in_the_order_of_the_images(seen: Seen, tmp_path: Path) -> None:
    pixels = draw(5)
    with reading(colours(), tmp_path / "kept", "cpu") as reader:
        features = reader.features(*images(pixels, View(crop=0.5)))
    expected = [View(crop=0.5)(image, 0).reshape(-1, 3).mean(axis=0) / 255 for image in pixels]
    np.testing.assert_allclose(features, np.array(expected), atol=1e-6)
    assert features.dtype == np.float32


def test_each_image_passes_once_whoever_asks(seen: Seen, tmp_path: Path) -> None:
    pixels = draw(300)
    with reading(colours(), tmp_path / "kept", "cpu") as reader:
        few, many = reader.features(*images(pixels[:100])), reader.features(*images(pixels))
        again = reader.features(*images([pixels[7], pixels[7], pixels[250]]))
    assert len(seen()) == reader.extracted == 300
    np.testing.assert_array_equal(few, many[:100])
    np.testing.assert_array_equal(again, many[[7, 7, 250]])
    with reading(colours(), tmp_path / "kept", "cpu") as later:
        np.testing.assert_array_equal(later.features(*images(pixels[::-1])), many[::-1])
        assert later.used(View()).ran.architecture == "mean colours"
    assert len(seen()) == 300 and later.extracted == 0


@pytest.mark.parametrize("change", ["weights", "option", "view", "pixel"])
def test_whatever_decides_features_makes_them_anew(seen: Seen, tmp_path: Path, change: str) -> None:
    pixels = draw(3)
    with reading(colours(), tmp_path / "kept", "cpu") as reader:
        reader.features(*images(pixels))
    if change == "weights":
        (tmp_path / "colours.safetensors").write_bytes(b"other")
    if change == "pixel":
        pixels[1] = pixels[1].copy()
        pixels[1][0, 0, 0] ^= 1
    view = View(crop=0.9) if change == "view" else View()
    with reading(colours(power=2) if change == "option" else colours(), tmp_path / "kept", "cpu") as reader:
        reader.features(*images(pixels, view))
    assert reader.extracted == (1 if change == "pixel" else 3)


def test_a_place_of_the_weights_decides_nothing(seen: Seen, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.safetensors"
    elsewhere.write_bytes((tmp_path / "colours.safetensors").read_bytes())
    for ready in (colours(), colours(weights=str(elsewhere))):
        with reading(ready, tmp_path / "kept", "cpu") as reader:
            reader.features(*images(draw(3)))
    assert len(seen()) == 3


def test_damaged_features_are_extracted_again_and_a_warning_names_the_file(
    seen: Seen, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with reading(colours(), tmp_path / "kept", "cpu") as reader:
        good = reader.features(*images(draw(3)))
    [file] = (tmp_path / "kept").rglob("*.safetensors")
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 1
    file.write_bytes(bytes(damaged))
    with caplog.at_level(logging.WARNING), reading(colours(), tmp_path / "kept", "cpu") as reader:
        np.testing.assert_array_equal(reader.features(*images(draw(3))), good)
    assert len(seen()) == 6
    assert f"{file} is damaged" in caplog.text


def test_a_stopped_extraction_keeps_what_it_has_and_closes_the_extractor(seen: Seen, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), reading(colours(), tmp_path / "kept", "cpu", stop) as reader:
        reader.features(*images(draw(300)))
    assert (tmp_path / "seen.txt.closed").exists()
    first = len(seen())
    with reading(colours(), tmp_path / "kept", "cpu") as reader:
        reader.features(*images(draw(300)))
    assert 0 < first < 300 and len(seen()) == 300


def test_a_folder_that_cannot_be_written_costs_no_result(seen: Seen, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with reading(colours(), tmp_path / "file", "cpu") as reader:
        assert reader.features(*images(draw(3))).shape == (3, 3)


@pytest.mark.parametrize(
    ("broken", "expected"), [("dtype", "float32"), ("short", "asked for 3 images"), ("nan", "no finite numbers")]
)
def test_what_an_extractor_gives_is_checked_and_nothing_of_it_is_kept(
    seen: Seen, tmp_path: Path, broken: str, expected: str
) -> None:
    with (
        pytest.raises(CytobenchError, match=expected),
        reading(colours(broken=broken), tmp_path / "kept", "cpu") as reader,
    ):
        reader.features(*images(draw(3)))
    assert not (tmp_path / "kept").exists()
    assert (tmp_path / "seen.txt.closed").exists()


def test_an_unknown_extractor_or_option_gets_the_nearest(seen: Seen) -> None:
    with pytest.raises(UserError, match="Did you mean colours"):
        ready_extractor("colors", {}, load_plugins(), "paper")
    with pytest.raises(UserError, match=r"Did you mean colours\.power"):
        colours(powr=2)
    with pytest.raises(UserError, match=r"colours\.weights: nowhere"):
        colours(weights="nowhere")
