"""The generator ``oracle``: fresh cells of the phantom's own distribution, never one of the data set's images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cytobench.context import Context
from cytobench.contract import PluginConfig, Ran, Request, SampleConfig
from cytobench.images import Images
from cytobench_phantom.dataset import draw

SIDE = 128


class OracleConfig(SampleConfig):
    """Images are drawn in blocks of 20."""

    batch_size: int = 20


class Oracle:
    """Draws from the stream ``oracle``, which shares no image with the data set."""

    def __init__(self, fit_config: PluginConfig, sample_config: OracleConfig) -> None:
        pass

    def fit(self, shots: Images, ctx: Context) -> None:
        """Not called: the scope is ``none``."""

    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> OracleSampler:
        """Nothing to open."""
        return OracleSampler()


class OracleSampler:
    """Draws cells."""

    ran = Ran("none", "the phantom's own procedure", SIDE)

    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        """Yield a fresh cell of each request's class, from its seed."""
        for request in todo:
            yield request, draw(request.label, request.index, request.seed, SIDE, stream="oracle")

    def close(self) -> None:
        """Nothing is open."""
