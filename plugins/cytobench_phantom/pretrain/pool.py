"""The pre-training images: wild cells of no class with captions of their attributes."""

from __future__ import annotations

import io
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cytobench.atomic import write_bytes
from cytobench_phantom.captions import caption
from cytobench_phantom.render import render
from cytobench_phantom.wild import draw_wild

SIZE = 64
"""Side of an image in pixels."""
EDITION = 2
"""Raised when images or captions of a seed change."""
CAPTIONS = 3
"""Captions per image, each with attributes of its own choice and order."""
_BLOCK = 500


@dataclass(frozen=True)
class Pool:
    """Images, uint8 of shape (n, 64, 64, 3), and ``CAPTIONS`` texts for each of them."""

    images: NDArray[np.uint8]
    captions: list[list[str]]


def make_pool(folder: Path, count: int, seed: int, workers: int = 2) -> Pool:
    """Render ``count`` images, or read what an earlier call with the same arguments left in ``folder``.

    Image i depends on ``seed`` and i's block of 500 alone, not on ``workers``.
    """
    stem = folder / f"pool{EDITION}-{count}-{seed}"
    images_file, captions_file = stem.with_suffix(".npy"), stem.with_suffix(".json")
    if images_file.exists() and captions_file.exists():
        return Pool(np.load(images_file), json.loads(captions_file.read_text()))
    starts = range(0, count, _BLOCK)
    with ProcessPoolExecutor(workers, get_context("spawn")) as executor:
        blocks = list(
            executor.map(_render_block, [seed] * len(starts), starts, [min(_BLOCK, count - start) for start in starts])
        )
    pool = Pool(np.concatenate([images for images, _ in blocks]), [texts for _, part in blocks for texts in part])
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(captions_file, json.dumps(pool.captions).encode())
    content = io.BytesIO()
    np.save(content, pool.images)
    write_bytes(images_file, content.getvalue())
    return pool


def _render_block(seed: int, start: int, count: int) -> tuple[NDArray[np.uint8], list[list[str]]]:
    rng = np.random.default_rng((seed, start))
    images = np.empty((count, SIZE, SIZE, 3), np.uint8)
    texts = []
    for index in range(count):
        cell, smear = draw_wild(rng)
        images[index] = render(cell, smear, SIZE, rng)
        texts.append([caption(cell, rng, smear) for _ in range(CAPTIONS)])
    return images, texts
