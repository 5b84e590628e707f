"""The generator ``repeat``: image i of a class is shot i modulo the number of shots, unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cytobench.context import Context
from cytobench.contract import PluginConfig, Ran, Request, SampleConfig
from cytobench.decode import decode_image, encode_png
from cytobench.images import Images


class Repeat:
    """Keeps the shots as PNG files and gives them back in turn."""

    def __init__(self, fit_config: PluginConfig, sample_config: SampleConfig) -> None:
        pass

    def fit(self, shots: Images, ctx: Context) -> None:
        """Write the shots to ``ctx.out`` as ``0000.png`` and on."""
        for i in range(len(shots)):
            (ctx.out / f"{i:04d}.png").write_bytes(encode_png(shots[i]))

    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> RepeatSampler:
        """Open the kept shots."""
        return RepeatSampler({label: sorted(folder.glob("*.png")) for label, folder in artefacts.items()})


class RepeatSampler:
    """Reads the kept shots."""

    ran = Ran("none", "copies of the shots", None)

    def __init__(self, shots: Mapping[str, Sequence[Path]]) -> None:
        self._shots = shots

    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        """Yield shot ``index`` modulo the number of shots, in the size of the real image."""
        for request in todo:
            shots = self._shots[request.label]
            yield request, decode_image(shots[request.index % len(shots)])

    def close(self) -> None:
        """Nothing is open."""
