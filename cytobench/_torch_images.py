"""Images as a torch data set: decoded once, kept as uint8 within a byte budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2 import functional as F

from cytobench.errors import ChangedFile

KEPT_BYTES = 4 * 2**30
"""Default memory for decoded pixels of one data set, in bytes."""


class LabelledImages(Protocol):
    """What is read of :class:`cytobench.images.Images`."""

    @property
    def labels(self) -> tuple[str, ...]:
        """All classes, in the order of their numbers."""
        ...

    @property
    def targets(self) -> NDArray[np.int64]:
        """Class numbers (n,)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """RGB uint8 (height, width, 3)."""
        ...


def identity(image: Tensor) -> Tensor:
    """A transform that changes nothing, importable and so picklable."""
    return image


class Resize:
    """Resize a uint8 image (3, height, width) to (3, side, side), bilinear with antialiasing."""

    def __init__(self, side: int) -> None:
        self.side = side

    def __call__(self, image: Tensor) -> Tensor:
        resized: Tensor = F.resize(image, [self.side, self.side], antialias=True)
        return resized


class TorchImages(Dataset[tuple[Any, int]]):
    """A map-style data set of ``(transform(image), target)``.

    ``image`` is a uint8 tensor (3, height, width), after ``prepare`` where one is given. ``prepare`` must be
    deterministic: its result is what is kept. Images are kept in memory when first read until ``kept_bytes``
    are used; further ones are decoded anew each time. ``transform`` runs at every access. Workers that are
    forked after :meth:`load` share what is kept.
    """

    def __init__(
        self,
        images: LabelledImages,
        transform: Callable[[Any], Any],
        prepare: Callable[[Tensor], Tensor] | None = None,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self.images = images
        self.transform = transform
        self.prepare = prepare
        self.targets = torch.from_numpy(images.targets)
        self._left = kept_bytes
        self._kept: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(self._read(index)), int(self.targets[index])

    @property
    def complete(self) -> bool:
        """Whether every image is kept, so that no further decoding is needed."""
        return len(self._kept) == len(self)

    def load(self, workers: int = 0) -> None:
        """Decode ahead, in ``workers`` threads, as many images as the byte budget holds."""
        with ThreadPoolExecutor(max(1, workers)) as threads:
            for start in range(0, len(self), 256):
                if self._left <= 0:
                    return
                list(threads.map(self._read, range(start, min(start + 256, len(self)))))

    def _read(self, index: int) -> Tensor:
        image = self._kept.get(index)
        if image is not None:
            return image
        image = torch.from_numpy(self.images[index]).permute(2, 0, 1).contiguous()
        if self.prepare is not None:
            image = self.prepare(image)
        if image.nbytes <= self._left:
            self._left -= image.nbytes
            self._kept[index] = image
        return image


def read_batches(data: TorchImages, batches: Sequence[list[int]], workers: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each batch of positions as images (n, 3, height, width) and targets int64 (n,), in this order.

    Worker processes are used only where images have still to be decoded. The result does not depend on them. Raises as
    the images do when they are read.
    """
    loader: DataLoader[tuple[Any, int]] = DataLoader(
        data,
        batch_sampler=batches,
        num_workers=0 if data.complete else workers,
        # A generator of its own: else the loader draws its base seed from the global one.
        generator=torch.Generator().manual_seed(0),
    )
    try:
        yield from loader
    except ChangedFile as error:
        # torch puts the traceback of its worker process before the message.
        raise ChangedFile(str(error).rpartition(f"{ChangedFile.__name__}: ")[2].strip()) from error
