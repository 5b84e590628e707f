"""A pack of thumbnails beside records whose store is not kept: synthetic images alone, one sheet a generator.

``DIR/thumbnails/index.json`` lists the sheets with their digests, and for each image set (by its key) the row of its
sheet and which images stand in it. A sheet is a WebP of squares of ``SIDE`` pixels: a row a class, a column an image.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from cytobench.atomic import write_bytes
from cytobench.reporting.page.sources import SyntheticImage
from cytobench.reporting.page.thumbnails import SIDE, name_of

FOLDER = "thumbnails"
INDEX = "index.json"
SCHEMA_VERSION = 1
ACROSS = 8
"""Images a class."""
QUALITY = 85
_FILE = re.compile(r"[0-9a-f]{20}\.webp")
_LARGEST = 64_000_000
"""Pixels of a sheet: a thousand classes; a file that claims more is not opened."""


@dataclass(frozen=True)
class Sheet:
    """The images of one generator to be packed: by key of the set, its label and images of ``SIDE`` x ``SIDE``."""

    title: str
    sets: Mapping[str, tuple[str, Sequence[SyntheticImage]]]


def write_pack(folder: Path, sheets: Sequence[Sheet]) -> int:
    """Write the pack of a results folder, in place of the one that is there; returns its bytes."""
    place, entries, total = folder / FOLDER, [], 0
    for sheet in sheets:
        data = _draw(sheet)
        file = name_of(data, ".webp")
        write_bytes(place / file, data)
        total += len(data)
        sets = [
            {"key": key, "label": label, "row": row, "indices": [image.index for image in images]}
            for row, (key, (label, images)) in enumerate(sheet.sets.items())
        ]
        digest = hashlib.sha256(data).hexdigest()
        entries.append({"file": file, "digest": digest, "title": sheet.title, "sets": sets})
    index = {"schema_version": SCHEMA_VERSION, "side": SIDE, "sheets": entries}
    text = json.dumps(index, indent=1, ensure_ascii=False).encode() + b"\n"
    write_bytes(place / INDEX, text)
    packed = {str(entry["file"]) for entry in entries}
    for old in place.glob("*.webp"):
        if old.name not in packed and _FILE.fullmatch(old.name):
            old.unlink()
    return total + len(text)


def _draw(sheet: Sheet) -> bytes:
    page = Image.new("RGB", (ACROSS * SIDE, len(sheet.sets) * SIDE), "white")
    for row, (_, images) in enumerate(sheet.sets.values()):
        for column, image in enumerate(images):
            page.paste(Image.fromarray(image.pixels), (column * SIDE, row * SIDE))
    buffer = io.BytesIO()
    page.save(buffer, format="WEBP", quality=QUALITY, method=6)
    return buffer.getvalue()


def square(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image as it stands in a sheet: RGB uint8 (SIDE, SIDE, 3)."""
    return np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


@dataclass
class PackSource:
    """The pack of a results folder; what does not fit its digest counts as absent."""

    folder: Path
    name: str = "the pack of thumbnails beside the records"
    _sets: dict[str, tuple[str, str, int, int, list[int]]] = field(default_factory=dict)
    """By key: file and digest of the sheet, side, row, and the number of each image in its set."""
    _pages: dict[str, NDArray[np.uint8] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            index = json.loads((self.folder / FOLDER / INDEX).read_bytes())
            if index["schema_version"] == SCHEMA_VERSION:
                self._take(index)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._sets = {}

    def _take(self, index: Mapping[str, Any]) -> None:
        for sheet in index["sheets"]:
            for entry in sheet["sets"]:
                numbers = [int(number) for number in entry["indices"]][:ACROSS]
                place = int(index["side"]), int(entry["row"])
                self._sets[str(entry["key"])] = (str(sheet["file"]), str(sheet["digest"]), *place, numbers)

    def __bool__(self) -> bool:
        return bool(self._sets)

    def images(self, key: str, n: int) -> Iterator[SyntheticImage]:
        """See :class:`~cytobench.reporting.page.sources.Source`."""
        if key not in self._sets:
            return
        file, digest, side, row, numbers = self._sets[key]
        page = self._page(file, digest)
        if page is None or row < 0 or (row + 1) * side > page.shape[0] or len(numbers) * side > page.shape[1]:
            return
        for column, index in enumerate(numbers[:n]):
            yield SyntheticImage(index, "", page[row * side : (row + 1) * side, column * side : (column + 1) * side])

    def _page(self, file: str, digest: str) -> NDArray[np.uint8] | None:
        if file not in self._pages:
            self._pages[file] = _read(self.folder / FOLDER / file, digest) if _FILE.fullmatch(file) else None
        return self._pages[file]


def _read(file: Path, digest: str) -> NDArray[np.uint8] | None:
    try:
        data = file.read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            return None
        with Image.open(io.BytesIO(data), formats=["WEBP"]) as picture:
            if picture.width * picture.height > _LARGEST:
                return None
            return np.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
