"""Cells for the scripts about copies: real, altered, twins, fresh, and with the look of patients.

Two spaces: vectors drawn from a normal distribution, and phantom cells (64 px) as the pocket CLIP sees them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from cytobench.assets import AssetReference, resolve_asset
from cytobench.decode import decode_image
from cytobench.metrics.copying.pixels import TRANSFORMS, transform
from cytobench_openclip.config import CUSTOM, POCKET
from cytobench_openclip.model import load_clip
from cytobench_phantom.dataset import draw

SEED = 7
SIDE = 64
WIDTH = 20
"""Dimensions of the normal vectors."""
POOL = 240
"""Cells of a class that shots and held-out ones are drawn from; as many are fresh."""
PATIENTS, OF_PATIENT = 24, 20
Vectors = NDArray[np.float64]
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Pool:
    """Features of a class: real cells, an altered copy and a near-twin of each, and fresh cells."""

    real: Vectors
    altered: Vectors
    twins: Vectors
    fresh: Vectors


@dataclass(frozen=True)
class Patients:
    """Features (patient, cell, d) of real and of fresh cells with each patient's look."""

    real: Vectors
    fresh: Vectors


def jpeg(image: Picture, quality: int) -> Picture:
    """The image after JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "JPEG", quality=quality)
    return decode_image(buffer.getvalue())


def noisy(image: Picture, spread: float, rng: np.random.Generator) -> Picture:
    """The image with normal noise."""
    return np.asarray((image + rng.normal(0, spread, image.shape)).clip(0, 255).round(), dtype=np.uint8)


def scaled(image: Picture, gains: Sequence[float]) -> Picture:
    """The image with each channel multiplied."""
    return np.asarray((image * np.asarray(gains)).clip(0, 255), dtype=np.uint8)


def alter(image: Picture, rng: np.random.Generator) -> Picture:
    """A copy as a generator might give it away: turned, compressed and noisy."""
    return noisy(jpeg(np.asarray(transform(image, TRANSFORMS[rng.integers(8)]), dtype=np.uint8), 75), 5, rng)


def twin(image: Picture, rng: np.random.Generator) -> Picture:
    """The same cell once more, as by another exposure."""
    return noisy(image, 2, rng)


@cache
def clip() -> Any:
    """The pocket CLIP."""
    loaded = load_clip(CUSTOM, resolve_asset(AssetReference(POCKET), "clip.weights"))
    loaded.model.eval()
    return loaded


@torch.inference_mode()
def features(images: Sequence[Picture]) -> Vectors:
    """Features (n, d) of images (64, 64, 3): the mean over flips and rotations, which a copy may have undergone."""
    mean, spread = (torch.tensor(values).view(3, 1, 1) for values in (clip().normalise.mean, clip().normalise.std))
    total = np.zeros(1)
    for name in TRANSFORMS:
        stack = np.stack([transform(image, name) for image in images])
        pixels = (torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 255 - mean) / spread
        total = (
            total + torch.cat([clip().model.encode_image(part) for part in torch.split(pixels, 64)]).double().numpy()
        )
    return np.asarray(total / len(TRANSFORMS))


def phantom_pool(label: str) -> Pool:
    """Cells of a class, drawn once."""
    rng = np.random.default_rng(SEED)
    cells = [draw(label, i, SEED, SIDE, stream="copying") for i in range(POOL)]
    return Pool(
        features(cells),
        features([alter(cell, rng) for cell in cells]),
        features([twin(cell, rng) for cell in cells]),
        features([draw(label, i, SEED, SIDE, stream="oracle") for i in range(POOL)]),
    )


def normal_pool(seed: int) -> Pool:
    """The same of normal vectors; a copy is altered by 0.2 standard deviations, a twin by 0.04."""
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(5 * POOL, WIDTH))
    altered, twins = (real + spread * rng.normal(size=real.shape) for spread in (0.2, 0.04))
    return Pool(real, altered, twins, rng.normal(size=real.shape))


def phantom_patients(label: str) -> Patients:
    """Cells of patients whose smears differ in stain: each channel is multiplied by N(1, 0.05)."""
    rng = np.random.default_rng(SEED)
    sides = []
    for stream in ("copying", "oracle"):
        gains = np.random.default_rng(SEED).normal(1, 0.05, (PATIENTS, 3))
        cells = [
            scaled(draw(label, 1000 + p * OF_PATIENT + i, SEED, SIDE, stream=stream), gains[p])
            for p in range(PATIENTS)
            for i in range(OF_PATIENT)
        ]
        order = rng.permutation(OF_PATIENT)
        sides.append(features(cells).reshape(PATIENTS, OF_PATIENT, -1)[:, order])
    return Patients(*sides)


def normal_patients(seed: int) -> Patients:
    """Normal vectors around each patient's own centre, N(0, 0.5)."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 0.5, (PATIENTS, 1, WIDTH))
    return Patients(*(centres + rng.normal(size=(PATIENTS, OF_PATIENT, WIDTH)) for _ in range(2)))
