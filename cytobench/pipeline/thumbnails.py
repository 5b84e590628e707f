"""Thumbnails of a data set's images, made once and kept in the user's cache by their pixels."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from cytobench._keys import content_key
from cytobench.atomic import write_bytes
from cytobench.images import Pixels
from cytobench.metrics.copying.pixels import SIDE
from cytobench.metrics.copying.search import Thumbnails, thumbnail
from cytobench.storage.cache import cache_folder

logger = logging.getLogger("cytobench")

REVISION = 1
"""Raised when thumbnails become others."""

_TENSOR = "thumbnails"
_DIGEST = "sha256"


def thumbnails_of(
    digests: Sequence[str], pixels: Sequence[Pixels], progress: Callable[[int, int], None] = lambda done, total: None
) -> Thumbnails:
    """Thumbnails of images in their order, uint8 (n, 32, 32, 3); ``digests`` are those of their pixels.

    What is kept holds 3 KB an image and can be deleted; a cache that cannot be read or written is done without.
    """
    file = _file(digests)
    remembered = _read(file, len(digests))
    if remembered is not None:
        return remembered
    thumbnails: Thumbnails = np.empty((len(digests), SIDE, SIDE, 3), dtype=np.uint8)
    # Pillow releases the GIL, so threads are enough.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for row, small in enumerate(pool.map(lambda each: thumbnail(each.read()), pixels)):
            thumbnails[row] = small
            progress(row + 1, len(digests))
    try:
        write_bytes(file, save({_TENSOR: thumbnails}, metadata={_DIGEST: _sha256(thumbnails)}))
    except OSError as error:
        logger.debug("thumbnails are not kept in %s: %s", file.parent, error)
    return thumbnails


def _file(digests: Sequence[str]) -> Path:
    key = content_key("thumbnails", {"revision": REVISION, "digests": list(digests)})
    return cache_folder() / "thumbnails" / f"{key}.safetensors"


def _read(file: Path, images: int) -> Thumbnails | None:
    """What is kept, checked by its digest; None if it is absent or damaged."""
    try:
        with safe_open(file, framework="np") as opened:
            thumbnails: Thumbnails = opened.get_tensor(_TENSOR)
            digest = (opened.metadata() or {}).get(_DIGEST)
    except (OSError, SafetensorError):
        return None
    return thumbnails if thumbnails.shape == (images, SIDE, SIDE, 3) and _sha256(thumbnails) == digest else None


def _sha256(thumbnails: Thumbnails) -> str:
    return hashlib.sha256(np.ascontiguousarray(thumbnails).tobytes()).hexdigest()
