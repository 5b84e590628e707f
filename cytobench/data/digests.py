"""Pixel digests of many files and how they are taken, decoded once and remembered as git's index remembers files."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from cytobench.assets import Stamp, stamp_of
from cytobench.atomic import write_bytes
from cytobench.data.quality.optics import REVISION, Optics, measure
from cytobench.decode import REVISION as decode_revision
from cytobench.decode import BadImage, decode, pixel_digest

_RACY_SECONDS = 2.0
"""A file changed this shortly before it was read may change again within one clock tick: not remembered."""

_COLUMNS = ["path", "size", "mtime_ns", "ctime_ns", "digest", "width", "height", "mode"]
_MEASURES = [field.name for field in fields(Optics)]
_REVISION = "optics_revision"
_DECODER = "decode_revision"


@dataclass(frozen=True)
class ImageFacts:
    """What is known of a decoded image: SHA-256 of its pixels (hex), size in pixels, mode in the file, measures."""

    digest: str
    width: int
    height: int
    mode: str
    optics: Optics


def read_digests(
    root: Path, paths: Sequence[str], cache: Path, anew: bool = False
) -> tuple[dict[str, ImageFacts], dict[str, str]]:
    """Decode the files of ``paths`` (relative to ``root``): what is known of each, and why of each bad one.

    Files whose stamp is found in ``cache`` are not decoded again, unless ``anew``: then every file is decoded, and
    what is found replaces what was remembered. A change that leaves size and both times alone is not seen here: a clock
    set back, a file system without times of change, a damaged disk. It is where the image is read
    (:class:`~cytobench.images.FilePixels`). Bad ones are never remembered. A cache that cannot be read or written
    is done without.
    """
    index = _index_file(root, cache)
    known = {} if anew else _read_index(index)
    stamps: dict[str, Stamp] = {}
    good: dict[str, ImageFacts] = {}
    bad: dict[str, str] = {}
    for path in paths:
        try:
            stamps[path] = stamp_of(root / path)
        except OSError as error:
            bad[path] = error.strerror or str(error)
            continue
        if path in known and known[path][0] == stamps[path]:
            good[path] = known[path][1]
    todo = [path for path in stamps if path not in good]
    now = time.time_ns()
    # Pillow, scipy.ndimage and hashlib release the GIL, so threads are enough.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for path, result in zip(todo, pool.map(lambda path: _examine(root / path), todo), strict=True):
            if isinstance(result, ImageFacts):
                good[path] = result
            else:
                bad[path] = result
    if todo:
        settled = now - int(_RACY_SECONDS * 1e9)
        moved = {path for path in todo if path in good and not _is_as_before(root / path, stamps[path])}
        unchanged = {
            path: (stamps[path], good[path])
            for path in good
            if max(stamps[path][1:]) < settled and path not in moved
        }
        _write_index(index, unchanged)
    return good, bad


def _is_as_before(file: Path, stamp: Stamp) -> bool:
    """Whether a file was left alone while it was decoded: else its stamp and its digest are of two pictures."""
    try:
        return stamp_of(file) == stamp
    except OSError:
        return False


def _examine(file: Path) -> ImageFacts | str:
    try:
        image = decode(file)
    except BadImage as error:
        return error.reason
    height, width = image.pixels.shape[:2]
    return ImageFacts(pixel_digest(image.pixels), width, height, image.mode, measure(image.pixels))


def _index_file(root: Path, cache: Path) -> Path:
    """One file a data set folder, so that no run touches what another one knows."""
    name = hashlib.sha256(str(root.absolute()).encode("utf-8", "surrogateescape")).hexdigest()
    return cache / "pixels" / f"{name}.parquet"


def _read_index(index: Path) -> dict[str, tuple[Stamp, ImageFacts]]:
    """What is remembered; nothing where it is damaged, or of a version that decodes or measures otherwise."""
    import pandas as pd

    try:
        table = pd.read_parquet(index)
        current = (table[_REVISION] == REVISION) & (table[_DECODER] == decode_revision)
        rows = table[current][_COLUMNS + _MEASURES].itertuples(index=False, name=None)
        return {
            str(path): (
                (int(size), int(mtime), int(ctime)),
                ImageFacts(str(digest), int(width), int(height), str(mode), Optics(*map(float, measures))),
            )
            for path, size, mtime, ctime, digest, width, height, mode, *measures in rows
        }
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _write_index(index: Path, known: dict[str, tuple[Stamp, ImageFacts]]) -> None:
    import pandas as pd

    rows = [
        (path, *stamp, fact.digest, fact.width, fact.height, fact.mode, *astuple(fact.optics))
        for path, (stamp, fact) in sorted(known.items())
    ]
    buffer = io.BytesIO()
    table = pd.DataFrame(rows, columns=_COLUMNS + _MEASURES).assign(**{_REVISION: REVISION, _DECODER: decode_revision})
    table.to_parquet(buffer, index=False)
    try:
        write_bytes(index, buffer.getvalue())
    except OSError:
        return  # a cache that cannot be written costs time, no result
