"""Image sets grow by blocks, are checked by digest, and are plain Parquet files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from cytobench.contract import Request
from cytobench.decode import pixel_digest
from cytobench.storage.image_sets import ImageSet


def image(index: int) -> NDArray[np.uint8]:
    return np.random.default_rng(index).integers(0, 256, (12, 10, 3), dtype=np.uint8)


def write(images: ImageSet, *numbers: int) -> None:
    for number in numbers:
        indices = range(number * images.block, (number + 1) * images.block)
        made = [(Request("EOS", "an eosinophil", i, 1000 + i), image(i)) for i in indices]
        images.write(number, made, {"seconds": float(number)})


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    return ImageSet(tmp_path / "set", 4)


def test_a_larger_number_keeps_the_blocks_that_are_there(images: ImageSet) -> None:
    assert images.missing(0) == []
    assert images.missing(5) == [0, 1]
    write(images, 0, 1)
    before = {path: path.stat().st_mtime_ns for path in images.folder.iterdir()}
    assert images.missing(5) == images.missing(8) == []
    assert images.missing(9) == [2]
    write(images, *images.missing(9))
    assert images.missing(12) == []
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_images_come_back_pixel_for_pixel_in_order_whatever_the_number(images: ImageSet) -> None:
    write(images, 1, 0)
    for n in (0, 1, 3, 4, 5, 8):
        pixels = images.pixels(n)
        assert len(pixels) == n
        for i, one in enumerate(pixels):
            assert np.array_equal(one.read(), image(i))


@pytest.mark.parametrize("damage", ["one byte", "cut", "no shard", "no side file", "side file cut"])
def test_a_damaged_block_alone_is_missing(images: ImageSet, damage: str) -> None:
    write(images, 0, 1, 2)
    shard = images.shard(1)
    side = shard.with_suffix(".json")
    content = bytearray(shard.read_bytes())
    if damage == "one byte":
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
    elif damage == "cut":
        shard.write_bytes(content[:-1])
    elif damage == "no shard":
        shard.unlink()
    elif damage == "no side file":
        side.unlink()
    else:
        side.write_text(side.read_text()[:20])
    assert images.missing(12) == [1]
    assert images.report(1) is None
    assert images.report(2) == {"seconds": 2.0}
    write(images, 1)
    assert images.missing(12) == []
    assert np.array_equal(images.pixels(12)[6].read(), image(6))


def test_shards_are_read_without_cytobench(images: ImageSet) -> None:
    write(images, 0, 1)
    table = pd.concat(
        [pd.read_parquet(path) for path in sorted(images.folder.glob("*.parquet"))], ignore_index=True
    )
    assert list(table.columns) == ["label", "index", "seed", "digest", "image"]
    assert table["index"].tolist() == list(range(8))
    assert table["seed"].tolist() == [1000 + i for i in range(8)]
    assert set(table["label"]) == {"EOS"}
    for i, row in table.iterrows():
        decoded = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))
        assert np.array_equal(decoded, image(int(str(i))))
        assert row["digest"] == pixel_digest(decoded)


def test_one_image_can_be_read_alone_and_datasets_knows_the_columns(images: ImageSet) -> None:
    write(images, 0)
    shard = pq.ParquetFile(images.shard(0))
    assert shard.num_row_groups == 4
    features = shard.schema_arrow.metadata[b"huggingface"]
    assert b'"image": {"_type": "Image"}' in features


def test_the_same_images_make_the_same_file(tmp_path: Path) -> None:
    one, other = ImageSet(tmp_path / "one", 4), ImageSet(tmp_path / "other", 4)
    write(one, 0)
    write(other, 0)
    assert one.shard(0).read_bytes() == other.shard(0).read_bytes()
