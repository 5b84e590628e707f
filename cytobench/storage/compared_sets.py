"""What comparing image sets with real images found: a file a block, beside the image sets in a store.

``STORE/copies/ab/abcdef.../000020.json`` says which images of the block that begins at image 20 equal or nearly equal a
real one. It names the digest of the block's shard, so that a block that was made anew is compared anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cytobench._keys import content_key
from cytobench.atomic import write_bytes
from cytobench.storage.image_sets import ImageSet

COPIES = "copies"
"""The folder of a store that comparisons lie in, and the kind of their keys."""


@dataclass(frozen=True)
class Copy:
    """A synthetic image that equals or nearly equals a real one."""

    image: int
    """Its number in its set."""
    real: str
    """The pixel digest of the real image, SHA-256 in hex."""
    difference: float
    """As of :mod:`cytobench.metrics.copying.search`."""
    equal: bool
    """Whether the pixels are the same."""


@dataclass(frozen=True)
class ComparedSet:
    """The comparison of one image set with the real images of one key."""

    folder: Path
    images: ImageSet

    def whole(self, n: int) -> int:
        """How many images the blocks of the first n hold."""
        return len(self.images.blocks(n)) * self.images.block

    def missing(self, n: int) -> list[int]:
        """The blocks of the first n images that are not compared yet."""
        blocks = self.images.blocks(n)
        return [number for number in blocks if self.report(number) is None] if self.folder.is_dir() else list(blocks)

    def report(self, number: int) -> dict[str, Any] | None:
        """How block ``number`` was compared; None if it was not, or if its images were made anew since."""
        block = self._kept(number)
        return None if block is None else dict(block["report"])

    def copies(self, n: int) -> list[Copy]:
        """The copies among the blocks of the first n images, those beyond n in the last block included."""
        blocks = [self._kept(number) for number in self.images.blocks(n)]
        return [Copy(**entry) for block in blocks if block is not None for entry in block["found"]]

    def write(self, number: int, found: Iterable[Copy], report: dict[str, Any]) -> None:
        """Keep what was found in block ``number``."""
        content = {
            "shard": self.images.digest(number),
            "found": [asdict(entry) for entry in found],
            "report": report,
        }
        text = json.dumps({**content, "digest": content_key(COPIES, content)}, indent=1)
        write_bytes(self._file(number), text.encode())

    def _kept(self, number: int) -> dict[str, Any] | None:
        try:
            content: dict[str, Any] = json.loads(self._file(number).read_bytes())
            whole = content.pop("digest") == content_key(COPIES, content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        # Where the shard is gone, the key still says which images they were.
        return content if whole and self.images.digest(number) in (None, content["shard"]) else None

    def _file(self, number: int) -> Path:
        return self.folder / self.images.shard(number).with_suffix(".json").name


def runs_of(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Numbers as runs, each from the first to the last one of it: ``[0, 1, 2, 5]`` is ``[(0, 2), (5, 5)]``."""
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
