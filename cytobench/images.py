"""Images as plugins see them: lazy, ordered, picklable, without a path into the data set."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cytobench.decode import decode_image, pixel_digest
from cytobench.errors import ChangedFile

if TYPE_CHECKING:
    from torch.utils.data import Dataset as TorchDataset

HUES = np.linspace(-0.1, 0.1, 50)
SATURATIONS = np.linspace(-1.0, 1.0, 50)
STAIN = 0.03
MEANS = (0.05, 0.95)
"""Images with a mean outside (of 0 to 1) are left alone by HED."""


class Pixels(Protocol):
    """Where one image comes from."""

    def read(self) -> NDArray[np.uint8]:
        """Return RGB uint8 (height, width, 3)."""
        ...


@dataclass(frozen=True)
class FilePixels:
    """An image file of a data set, with the digest of the pixels that the work was planned with; None if unknown."""

    path: Path
    digest: str | None = None

    def read(self) -> NDArray[np.uint8]:
        """Decode the file to RGB uint8 (height, width, 3).

        Raises :class:`~cytobench.errors.ChangedFile` where its pixels are others than planned, and
        :class:`~cytobench.decode.BadImage` where it cannot be decoded any more.
        """
        pixels = decode_image(self.path)
        if self.digest is not None and (found := pixel_digest(pixels)) != self.digest:
            raise ChangedFile(
                f"{self.path} is another picture than the one planned with (digest {self.digest[:12]}, now "
                f"{found[:12]}). Put that one back, or keep this one: the same command then plans anew with it. If "
                "this is said again, its times did not tell of the change: touch the file."
            )
        return pixels


@dataclass(frozen=True)
class Recolouring:
    """The CytoDiff study's recolouring of images, as an evaluation view of its own protocol.

    In its published script HSV and HED recolouring were switched on or off once for each data set object, from a fixed
    seed: on training images HED alone, on validation images HSV alone, on test images both. ``hsv`` and ``hed`` say
    which are done; what is drawn depends on ``seed`` and an image's position alone.
    """

    hsv: bool
    hed: bool
    seed: int
    version: int = field(default=2, init=False)
    """Part of content addresses; raised when the same draws give other pixels. 1 clipped hue and saturation first."""

    def __call__(self, image: NDArray[np.uint8], position: int) -> NDArray[np.uint8]:
        """Recolour RGB uint8 (height, width, 3)."""
        rng = np.random.default_rng((self.seed, position))
        scaled = image / 255.0
        if self.hsv:
            scaled = overwrite_hsv(scaled, float(rng.choice(HUES)), float(rng.choice(SATURATIONS)))
        if self.hed and MEANS[0] <= scaled.mean() <= MEANS[1]:
            scaled = jitter_hed(scaled, rng.uniform(-STAIN, STAIN, 3), rng.uniform(-STAIN, STAIN, 3))
        return np.asarray((scaled.clip(0, 1) * 255).round(), dtype=np.uint8)


@dataclass(frozen=True)
class View:
    """What an image looks like on its way into a classifier; it belongs to the protocol.

    ``crop`` is the side of the central square kept, as a fraction of the shorter side, the same for real and
    synthetic images (345/400 in the study); ``crop_pixels`` instead is in pixels. None keeps the whole image.
    ``recolouring`` follows the crop.
    """

    crop: float | None = None
    crop_pixels: int | None = None
    recolouring: Recolouring | None = None

    def __call__(self, image: NDArray[np.uint8], position: int) -> NDArray[np.uint8]:
        """RGB uint8 (height, width, 3), cropped and recoloured; ``position`` is the image's among its like."""
        cropped = self._cropped(image)
        return cropped if self.recolouring is None else self.recolouring(cropped, position)

    def _cropped(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        if self.crop_pixels is not None:
            side = min(self.crop_pixels, height, width)
        elif self.crop is not None:
            side = max(1, round(self.crop * min(height, width)))
        else:
            return image
        top, left = (height - side) // 2, (width - side) // 2
        return np.ascontiguousarray(image[top : top + side, left : left + side])


@dataclass(frozen=True)
class Images:
    """A lazy, ordered sequence of labelled images.

    ``table`` has one row an image with the columns ``label`` (str), ``prompt`` (str) and ``synthetic`` (bool).
    ``labels`` are all classes in column order; ``prompts`` maps each of them to its class prompt. Items are RGB
    uint8 (height, width, 3) after ``view``.
    """

    table: pd.DataFrame
    labels: tuple[str, ...]
    prompts: Mapping[str, str]
    pixels: Sequence[Pixels]
    view: View = View()
    positions: Sequence[int] | None = None
    """Where each image stood before :meth:`take`, which is what a view may draw from; None for 0, 1, 2, ..."""

    def __post_init__(self) -> None:
        if len(self.table) != len(self.pixels):
            raise ValueError(f"{len(self.table)} rows but {len(self.pixels)} images")

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        return self.view(self.pixels[index].read(), self._position(index))

    @property
    def targets(self) -> NDArray[np.int64]:
        """Column index of each image's label, int64 (n,)."""
        column = {label: i for i, label in enumerate(self.labels)}
        return np.array([column[label] for label in self.table["label"]], dtype=np.int64)

    @property
    def classes(self) -> int:
        """How many classes the images are of; at most as many as there are ``labels``."""
        return int(self.table["label"].nunique())

    def take(self, rows: Sequence[int]) -> Images:
        """The images at these positions, in this order."""
        return replace(
            self,
            table=self.table.iloc[list(rows)].reset_index(drop=True),
            pixels=[self.pixels[i] for i in rows],
            positions=[self._position(i) for i in rows],
        )

    def _position(self, index: int) -> int:
        place = index if index >= 0 else len(self) + index
        return place if self.positions is None else self.positions[place]

    def torch(self, transform: Callable[[Any], Any]) -> TorchDataset[Any]:
        """A map-style torch data set of ``(transform(image), target)``; image is a uint8 tensor (3, height, width)."""
        from cytobench._torch_images import TorchImages

        return TorchImages(self, transform)


def overwrite_hsv(image: NDArray[np.float64], hue: float, saturation: float) -> NDArray[np.float64]:
    """Give every pixel of RGB (height, width, 3) in 0..1 one hue and one saturation, neither of them clipped.

    What is left is a tinted picture of the image's brightness. As in the study's script, the values of scikit-image's
    ``hsv2rgb`` are clipped to 0..1 only once they are RGB: a hue below 0 gives blue, a saturation below 0 a bright
    tint.
    """
    value = image.max(axis=2)
    sector = math.floor(6 * hue)
    rest = 6 * hue - sector
    low = value * (1 - saturation)
    falling = value * (1 - rest * saturation)
    rising = value * (1 - (1 - rest) * saturation)
    # hsv2rgb casts the sector to uint8, which C leaves open for numbers below 0. On the study's machines (x86) it is
    # the remainder by 256, so that -1 is 255, and 255 modulo 6 is sector 3 and not 5.
    channels = (
        (value, rising, low),
        (falling, value, low),
        (low, value, rising),
        (low, falling, value),
        (rising, low, value),
        (value, low, falling),
    )[sector % 256 % 6]
    return np.stack(channels, axis=2).clip(0, 1)


def jitter_hed(
    image: NDArray[np.float64], scale: NDArray[np.float64], shift: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Multiply haematoxylin, eosin and DAB (Ruifrok and Johnston 2001, as scikit-image) by 1 + scale, and add shift."""
    from skimage.color import hed2rgb, rgb2hed

    return np.asarray(hed2rgb(rgb2hed(image) * (1 + scale) + shift))
