"""Features of a torch model, for the extractors that fidelity is measured with."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cytobench._torch_images import Resize
from cytobench.context import Context
from cytobench.contract import Ran
from cytobench.errors import CytobenchError
from cytobench.images import Images
from cytobench_torch.augment import Normalise
from cytobench_torch.checkpoint import free_memory

# On a CPU small batches of images whose channels lie together take half the time of large ones.
_BATCH = 16
_LAYOUT = torch.channels_last


class Prepared(nn.Module):
    """Features of uint8 images of any one size: resized to ``resolution``, normalised, then through ``tower``."""

    def __init__(self, tower: nn.Module, resolution: int, normalise: Normalise) -> None:
        super().__init__()
        self.tower = tower
        self.resize = Resize(resolution)
        self.normalise = normalise

    def forward(self, images: Tensor) -> Tensor:
        """Features (n, d) of uint8 images (n, 3, height, width)."""
        features: Tensor = self.tower(self.normalise(self.resize(images)))
        return features


class TorchExtractor:
    """An opened extractor whose ``model`` takes uint8 images (n, 3, height, width) and returns features (n, d).

    Images of one size that follow each other go through it in one batch.
    """

    def __init__(self, model: nn.Module, ctx: Context, ran: Ran) -> None:
        self._model: nn.Module | None = model.to(ctx.device).to(memory_format=_LAYOUT).eval()
        self._ctx = ctx
        self.ran = ran

    @torch.inference_mode()
    def features(self, images: Images) -> NDArray[np.float32]:
        """Features float32 (n, d), in the order of the images."""
        if self._model is None:
            raise CytobenchError("this extractor is closed")
        parts, done = [], 0
        for batch in _batches(images):
            self._ctx.check_stop()
            pixels = torch.stack(batch).to(self._ctx.device, memory_format=_LAYOUT)
            parts.append(self._model(pixels).float().cpu())
            done += len(batch)
            self._ctx.progress(done, len(images))
        features: NDArray[np.float32] = torch.cat(parts).numpy()
        return features

    def close(self) -> None:
        """Free the model."""
        self._model = None
        free_memory(self._ctx.device)


def _batches(images: Images) -> Iterator[list[Tensor]]:
    decoded = (torch.from_numpy(images[i]).permute(2, 0, 1) for i in range(len(images)))
    for _, alike in groupby(decoded, key=lambda image: image.shape):
        batch: list[Tensor] = []
        for image in alike:
            batch.append(image)
            if len(batch) == _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch
