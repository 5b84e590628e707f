from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader

from cytobench._torch_images import Resize, TorchImages, identity, read_batches
from cytobench.decode import encode_png
from cytobench.errors import ChangedFile
from cytobench.images import FilePixels, Images

Make = Callable[..., Images]


def _reads(images: Images) -> int:
    return sum(len(pixels.reads) for pixels in images.pixels)  # type: ignore[attr-defined]


def test_items_are_transformed_uint8_images_with_their_target(images: Make) -> None:
    some = images(3, 0)
    image, target = some.torch(lambda image: image.float().mean((1, 2)))[1]
    assert image.argmax() == 1 and target == 1
    raw, _ = some.torch(identity)[0]
    assert raw.dtype == torch.uint8 and raw.shape == (3, 20, 20)
    assert torch.equal(raw.permute(1, 2, 0), torch.from_numpy(some[0]))


def test_pixels_are_decoded_once(images: Make) -> None:
    some = images(4, 0)
    data = TorchImages(some, identity)
    data.load(workers=2)
    assert data.complete
    for _ in range(3):
        for i in range(4):
            data[i]
    assert _reads(some) == 4


def test_beyond_the_budget_pixels_are_decoded_anew(images: Make) -> None:
    some = images(4, 0)
    data = TorchImages(some, identity, kept_bytes=2 * 20 * 20 * 3)
    first = [data[i][0] for i in range(4)]
    second = [data[i][0] for i in range(4)]
    assert _reads(some) == 6 and not data.complete
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_what_is_prepared_is_what_is_kept(images: Make) -> None:
    some = images(4, 0)
    data = TorchImages(some, identity, prepare=Resize(10), kept_bytes=4 * 10 * 10 * 3)
    data.load()
    assert data.complete and data[0][0].shape == (3, 10, 10)


def test_survives_pickling_and_workers(images: Make) -> None:
    data = TorchImages(images(6, 0), identity, kept_bytes=0)
    copy = pickle.loads(pickle.dumps(data))
    assert torch.equal(copy[3][0], data[3][0])
    loaded = torch.cat([batch for batch, _ in DataLoader(copy, batch_size=2, num_workers=1)])
    assert torch.equal(loaded, torch.stack([data[i][0] for i in range(6)]))


def test_batches_come_in_order_whatever_the_workers(images: Make) -> None:
    data = TorchImages(images(6, 0), identity, kept_bytes=0)
    state = torch.random.get_rng_state()
    alone, helped = (list(read_batches(data, [[5, 0], [3]], workers)) for workers in (0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    for (images_a, targets_a), (images_b, targets_b) in zip(alone, helped, strict=True):
        assert torch.equal(images_a, images_b) and torch.equal(targets_a, targets_b)
    assert alone[0][1].tolist() == [2, 0] and alone[1][1].tolist() == [0]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_that_changed_is_told_plainly_from_a_worker_process_too(tmp_path: Path, workers: int) -> None:
    file = tmp_path / "0.png"
    file.write_bytes(encode_png(np.zeros((16, 16, 3), np.uint8)))
    table = pd.DataFrame({"label": ["A"], "prompt": "", "synthetic": False})
    data = TorchImages(Images(table, ("A",), {"A": ""}, [FilePixels(file, "0" * 64)]), identity, kept_bytes=0)
    with pytest.raises(ChangedFile, match=rf"^{file} is another picture"):
        list(read_batches(data, [[0]], workers))
