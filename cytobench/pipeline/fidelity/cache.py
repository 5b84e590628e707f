"""Features that were extracted before, by the digest of an image's pixels, for one extractor and one view."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from cytobench._keys import content_key
from cytobench.atomic import write_bytes
from cytobench.contract import Ran

logger = logging.getLogger("cytobench")

_TENSOR = "features"
_KEY = "cytobench"


@dataclass
class FeatureCache:
    """A folder of safetensors files, each with the features of some images; none is ever changed.

    ``features`` (d,) are by pixel digest, ``ran`` is what made them, once :meth:`read` was called. A file that is
    damaged is done without, and a folder that cannot be written costs time, no result.
    """

    folder: Path
    features: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    ran: Ran | None = None

    @property
    def dimension(self) -> int:
        """Features an image; 0 where none is known."""
        return next((len(features) for features in self.features.values()), 0)

    def read(self) -> None:
        """Read all files of the folder."""
        for file in sorted(self.folder.glob("*.safetensors")):
            try:
                self._read(file)
            except (OSError, ValueError, KeyError, TypeError, SafetensorError):
                logger.warning("%s is damaged; its features are extracted again", file)

    def add(self, digests: Sequence[str], features: NDArray[np.float32], ran: Ran) -> None:
        """Remember the features (n, d) of images with these pixel digests, here and in a new file."""
        about = {"digests": list(digests), "sha256": _sha256(features), "ran": vars(ran)}
        data = save({_TENSOR: features}, metadata={_KEY: json.dumps(about, sort_keys=True)})
        try:
            write_bytes(self.folder / f"{content_key('features', about)}.safetensors", data)
        except OSError as error:
            logger.debug("features are not kept in %s: %s", self.folder, error)
        self._take(about, features)

    def _read(self, file: Path) -> None:
        with safe_open(file, framework="np") as opened:
            about = json.loads(opened.metadata()[_KEY])
            features = opened.get_tensor(_TENSOR)
        if _sha256(features) != about["sha256"] or len(features) != len(about["digests"]):
            raise ValueError("the digest does not fit")
        self._take(about, features)

    def _take(self, about: Mapping[str, object], features: NDArray[np.float32]) -> None:
        digests, ran = about["digests"], about["ran"]
        assert isinstance(digests, list) and isinstance(ran, dict)
        self.ran = Ran(**ran)
        self.features |= dict(zip(digests, features, strict=True))


def _sha256(features: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(features).tobytes()).hexdigest()
