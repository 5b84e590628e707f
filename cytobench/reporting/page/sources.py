"""Where the images of a page come from: the store of a run, or the pack of thumbnails beside its records."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cytobench.decode import BadImage
from cytobench.images import FilePixels
from cytobench.storage.image_sets import IMAGES, ImageSet
from cytobench.storage.stage_kind import StageKind
from cytobench.storage.store import MANIFEST, Store

_KEY = re.compile(r"[0-9a-f]{64}")
"""A content address; a record may say anything else, and no other text may become a part of a path."""


@dataclass(frozen=True)
class SyntheticImage:
    """A synthetic image: its number in its set, its pixel digest (empty if not known) and RGB uint8 (h, w, 3)."""

    index: int
    digest: str
    pixels: NDArray[np.uint8]


class Source(Protocol):
    """Gives synthetic images by the key of their set."""

    name: str
    """What it is, in words."""

    def images(self, key: str, n: int) -> Iterator[SyntheticImage]:
        """The first images of a set, at most ``n``, in order; none if the set is not here or damaged."""
        ...


class StoreSource:
    """The store of a run."""

    name = "the store of the run"

    def __init__(self, root: Path) -> None:
        self.root = root

    def images(self, key: str, n: int) -> Iterator[SyntheticImage]:
        """See :class:`Source`. A shard whose digest does not fit counts as absent."""
        folder = self._folder(IMAGES, key)
        if folder is None or not (folder / "000000.parquet").is_file():
            return
        try:
            block = pq.ParquetFile(folder / "000000.parquet").metadata.num_rows
        except (OSError, ValueError):
            return
        kept = ImageSet(folder, max(1, block))
        there = [number for number in kept.blocks(n) if kept.report(number) is not None]
        if there != list(range(len(there))) or not there:
            return
        n = min(n, sum(pq.ParquetFile(kept.shard(number)).metadata.num_rows for number in there))
        digests = kept.digests(min(n, len(there) * kept.block))
        for index, (digest, pixels) in enumerate(zip(digests, kept.pixels(n), strict=True)):
            try:
                yield SyntheticImage(index, digest, pixels.read())
            except BadImage:
                return

    def shots(self, key: str) -> list[tuple[str, str]]:
        """Label and pixel digest of each shot of a fit; none if the fit is not here."""
        folder = self._folder(StageKind.FIT, key)
        try:
            inputs = json.loads((folder / MANIFEST).read_text())["inputs"] if folder else {}
            return [(str(label), str(digest)) for label, digest in inputs["shots"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def _folder(self, kind: str, key: str) -> Path | None:
        return Store(self.root).folder(kind, key) if _KEY.fullmatch(key) else None


@dataclass(frozen=True)
class RealImage:
    """An image of the data set."""

    path: str
    label: str
    pixels: FilePixels


class RealImages:
    """The images of an opened data set, by their path and by their pixel digest."""

    def __init__(self, root: Path, rows: Sequence[tuple[str, str, str]]) -> None:
        """``rows`` are path, label and pixel digest of each image under ``root``."""
        images = [(RealImage(path, label, FilePixels(root / path, digest)), digest) for path, label, digest in rows]
        self._by_path: Mapping[str, RealImage] = {image.path: image for image, _ in images}
        self._by_digest: Mapping[tuple[str, str], RealImage] = {
            (image.label, digest): image for image, digest in reversed(images)
        }
        self._by_label: dict[str, list[RealImage]] = {}
        for image, _ in images:
            self._by_label.setdefault(image.label, []).append(image)

    def of_path(self, path: str) -> RealImage | None:
        """The image with this path in the data set; no other file can be had."""
        return self._by_path.get(path)

    def of_digest(self, label: str, digest: str) -> RealImage | None:
        """An image of a class with these pixels."""
        return self._by_digest.get((label, digest))

    def some(self, label: str, n: int) -> list[RealImage]:
        """At most ``n`` images of a class, spread evenly over the table."""
        known = self._by_label.get(label, [])
        if len(known) <= n:
            return list(known)
        return [known[i * len(known) // n] for i in range(n)]
