"""Image sets: the synthetic images of one generator and class, in Parquet shards of fixed indices.

Image i never depends on how many were asked for: sets are made in whole blocks, so they only grow, and a killed run
goes on at the next block. Shards follow the layout of Hugging Face ``datasets`` (an ``image`` column of encoded
bytes), one image a row group, so that one image can be read alone.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cytobench._keys import content_key
from cytobench.assets import file_digest
from cytobench.atomic import write_bytes
from cytobench.contract import Request
from cytobench.decode import decode_image, encode_png, pixel_digest
from cytobench.errors import ChangedFile

IMAGES = "images"
"""The folder of a store that image sets lie in, and the kind of their keys."""

_FEATURES = {
    "label": {"dtype": "string", "_type": "Value"},
    "index": {"dtype": "int64", "_type": "Value"},
    "seed": {"dtype": "int64", "_type": "Value"},
    "digest": {"dtype": "string", "_type": "Value"},
    "image": {"_type": "Image"},
}
_SCHEMA = pa.schema(
    [
        ("label", pa.string()),
        ("index", pa.int64()),
        ("seed", pa.int64()),
        ("digest", pa.string()),
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
    ],
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)


@dataclass(frozen=True)
class ShardPixels:
    """One image of a shard."""

    path: Path
    row: int

    def read(self) -> NDArray[np.uint8]:
        """Decode to RGB uint8 (height, width, 3). Raises ChangedFile where it is not what was kept."""
        with pq.ParquetFile(self.path) as shard:
            group = shard.read_row_group(self.row, columns=["digest", "image"])
        image = decode_image(group.column("image")[0].as_py()["bytes"])
        if pixel_digest(image) != group.column("digest")[0].as_py():
            raise ChangedFile(f"{self.path}: image {self.row} is damaged. The same command makes it again.")
        return image


@dataclass(frozen=True)
class ImageSet:
    """The images of one class under one key, in blocks of ``block`` images."""

    folder: Path
    block: int
    _checked: dict[int, dict[str, Any]] = field(default_factory=dict, compare=False, repr=False)
    """Reports of the blocks that were found whole."""

    def __getstate__(self) -> dict[str, Any]:
        """Another process checks for itself."""
        return {**self.__dict__, "_checked": {}}

    def shard(self, number: int) -> Path:
        """The file of block ``number``."""
        return self.folder / f"{number * self.block:06d}.parquet"

    def blocks(self, n: int) -> range:
        """The numbers of the blocks that hold the first n images."""
        return range(-(-n // self.block))

    def missing(self, n: int) -> list[int]:
        """The blocks that the first n images need and that are absent or damaged (checked by digest)."""
        return [number for number in self.blocks(n) if self.report(number) is None]

    def report(self, number: int) -> dict[str, Any] | None:
        """How block ``number`` was made, or None if it is absent or damaged; one that is whole is checked once."""
        if number in self._checked:
            return self._checked[number]
        shard = self.shard(number)
        try:
            side = json.loads(shard.with_suffix(".json").read_text())
            if file_digest(shard) == side["digest"]:
                self._checked[number] = dict(side["report"])
                return self._checked[number]
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def digest(self, number: int) -> str | None:
        """The digest of block ``number`` as it was written; None if it is not here."""
        try:
            return str(json.loads(self.shard(number).with_suffix(".json").read_bytes())["digest"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def pixels(self, n: int) -> list[ShardPixels]:
        """The first n images, in order of their index."""
        return [ShardPixels(self.shard(i // self.block), i % self.block) for i in range(n)]

    def digests(self, n: int) -> list[str]:
        """The pixel digests of the first n images, SHA-256 in hex."""
        blocks = (pq.read_table(self.shard(number), columns=["digest"]) for number in self.blocks(n))
        return [str(digest) for block in blocks for digest in block.column("digest").to_pylist()][:n]

    def write(
        self, number: int, images: Sequence[tuple[Request, NDArray[np.uint8]]], report: dict[str, Any]
    ) -> None:
        """Write block ``number``: the shard first, then its digest, so that a half-written block counts as absent."""
        rows = [
            {
                "label": request.label,
                "index": request.index,
                "seed": request.seed,
                "digest": pixel_digest(image),
                "image": {"bytes": encode_png(image), "path": None},
            }
            for request, image in images
        ]
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), buffer, row_group_size=1, compression="none")
        shard = self.shard(number)
        self._checked.pop(number, None)
        write_bytes(shard, buffer.getvalue())
        side = {"digest": file_digest(shard), "report": report}
        write_bytes(shard.with_suffix(".json"), json.dumps(side, indent=1).encode())


def images_digest(images: ImageSet, n: int) -> str:
    """A digest of the pixels of the first n images in their order, SHA-256 in hex."""
    return content_key("pixels of images", {"digests": images.digests(n)})
