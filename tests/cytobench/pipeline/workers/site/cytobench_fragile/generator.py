from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cytobench.context import Context
from cytobench.contract import PluginConfig, Ran, Request, SampleConfig
from cytobench_fragile.ways import WAYS


class FragileConfig(SampleConfig):
    after: int = 0
    """How many images come before it breaks."""
    way: str = "talk"


class Fragile:
    def __init__(self, fit_config: PluginConfig, sample_config: FragileConfig) -> None:
        self._config = sample_config

    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> Sampler:
        return Sampler(self._config, ctx)


class Sampler:
    ran = Ran("none", "grey images", None)

    def __init__(self, config: FragileConfig, ctx: Context) -> None:
        self._left, self._way, self._ctx = config.after, config.way, ctx

    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        for request in todo:
            if self._left == 0:
                WAYS[self._way](self._ctx)
            self._left -= 1
            yield request, np.full((16, 16, 3), request.seed % 256, np.uint8)

    def close(self) -> None:
        pass
