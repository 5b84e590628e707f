"""The CytoDiff study's recolouring of images, as an evaluation view of its own protocol.

In its published script HSV and HED recolouring were switched on or off once for each data set object, from a fixed
seed: on training images HED alone, on validation images HSV alone, on test images both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HUES = np.linspace(-0.1, 0.1, 50)
SATURATIONS = np.linspace(-1.0, 1.0, 50)
STAIN = 0.03
MEANS = (0.05, 0.95)
"""Images with a mean outside (of 0 to 1) are left alone by HED."""


@dataclass(frozen=True)
class Recolouring:
    """Which of the two are done; what is drawn depends on ``seed`` and an image's position alone."""

    hsv: bool
    hed: bool
    seed: int

    def __call__(self, image: NDArray[np.uint8], position: int) -> NDArray[np.uint8]:
        """Recolour RGB uint8 (height, width, 3)."""
        rng = np.random.default_rng((self.seed, position))
        scaled = image / 255.0
        if self.hsv:
            scaled = overwrite_hsv(scaled, float(rng.choice(HUES)), float(rng.choice(SATURATIONS)))
        if self.hed and MEANS[0] <= scaled.mean() <= MEANS[1]:
            scaled = jitter_hed(scaled, rng.uniform(-STAIN, STAIN, 3), rng.uniform(-STAIN, STAIN, 3))
        return np.asarray((scaled.clip(0, 1) * 255).round(), dtype=np.uint8)


def overwrite_hsv(image: NDArray[np.float64], hue: float, saturation: float) -> NDArray[np.float64]:
    """Give every pixel of RGB (height, width, 3) in 0..1 one hue and one saturation, clipped to 0..1.

    What is left is a tinted grey picture of the image's brightness.
    """
    from skimage.color import hsv2rgb

    value = image.max(axis=2)
    flat = np.stack([np.full_like(value, hue), np.full_like(value, saturation), value], axis=2)
    return np.asarray(hsv2rgb(flat.clip(0, 1)))


def jitter_hed(
    image: NDArray[np.float64], scale: NDArray[np.float64], shift: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Multiply haematoxylin, eosin and DAB (Ruifrok and Johnston 2001, as scikit-image) by 1 + scale, and add shift."""
    from skimage.color import hed2rgb, rgb2hed

    return np.asarray(hed2rgb(rgb2hed(image) * (1 + scale) + shift))
