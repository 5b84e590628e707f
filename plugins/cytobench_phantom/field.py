"""The plane of a picture: coordinates in micrometres, smooth noise, and many small discs at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
"""(size, size) float32, rows from top to bottom."""


@dataclass(frozen=True)
class Field:
    """A square of `width` micrometres around (0, 0), seen in `size` x `size` pixels."""

    size: int
    width: float

    @property
    def pixel(self) -> float:
        """Width of one pixel in micrometres."""
        return self.width / self.size

    def axes(self) -> tuple[Plane, Plane]:
        """Coordinates of the pixel centres in micrometres: x as (1, size), y as (size, 1)."""
        line = ((np.arange(self.size) + 0.5) / self.size - 0.5) * self.width
        return line.astype(np.float32)[None, :], line.astype(np.float32)[:, None]

    def at(self, plane: Plane, x: NDArray[np.float64], y: NDArray[np.float64]) -> Plane:
        """Values of a plane at points (n,) in micrometres, from the nearest pixel."""
        column = np.clip(((x / self.width + 0.5) * self.size).astype(np.intp), 0, self.size - 1)
        row = np.clip(((y / self.width + 0.5) * self.size).astype(np.intp), 0, self.size - 1)
        return plane[row, column]

    def noise(self, scale: float, rng: np.random.Generator) -> Plane:
        """Smooth noise of mean 0, standard deviation about 1, and features of about `scale` micrometres.

        Random values on a lattice, joined by cubic B-splines: what is drawn from `rng` depends on the width
        of the field but not on its pixels, so a cell keeps its shape at every size.
        """
        knots = max(1, round(self.width / scale))
        first, weights = _spline_weights(self.size, knots)
        lattice = rng.standard_normal((knots + 3, knots + 3), dtype=np.float32)
        # Added up one by one: a matrix product's last digits depend on the processor and the number of threads.
        rows = np.zeros((self.size, knots + 3), np.float32)
        for k in range(4):
            rows += weights[k][:, None] * lattice[first + k]
        plane = np.zeros((self.size, self.size), np.float32)
        for k in range(4):
            plane += rows[:, first + k] * weights[k]
        return plane

    def discs(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        radius: NDArray[np.float64],
        weight: NDArray[np.float64],
    ) -> Plane:
        """Sum of soft-edged discs of height `weight`; all arguments (n,), lengths in micrometres."""
        if len(x) == 0:
            return np.zeros((self.size, self.size), np.float32)
        reach = int(np.ceil(float(radius.max()) / self.pixel + 1))
        steps = np.arange(-reach, reach + 1)
        column = np.floor((x / self.width + 0.5) * self.size).astype(np.intp)[:, None] + steps
        row = np.floor((y / self.width + 0.5) * self.size).astype(np.intp)[:, None] + steps
        dx = ((column + 0.5) / self.size - 0.5) * self.width - x[:, None]
        dy = ((row + 0.5) / self.size - 0.5) * self.width - y[:, None]
        distance = np.sqrt(dx[:, None, :] ** 2 + dy[:, :, None] ** 2)
        height = (
            np.clip((radius[:, None, None] - distance) / self.pixel + 0.5, 0.0, 1.0) * weight[:, None, None]
        )
        inside = ((column >= 0) & (column < self.size))[:, None, :] & ((row >= 0) & (row < self.size))[
            :, :, None
        ]
        place = row[:, :, None] * self.size + column[:, None, :]
        total = np.bincount(place[inside], height[inside], self.size * self.size)
        return total.reshape(self.size, self.size).astype(np.float32)


def exp(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """The exponential, computed in float64: in float32 its last digit depends on the processor."""
    return np.asarray(np.exp(values, dtype=np.float64), np.float32)


def tanh(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """The hyperbolic tangent, computed in float64 as :func:`exp`."""
    return np.asarray(np.tanh(values, dtype=np.float64), np.float32)


def cover(distance: Plane, softness: float) -> Plane:
    """Share (0..1) of each pixel inside a shape, from its signed distance and a softness (micrometres)."""
    share = np.clip(np.float32(0.5) - distance / np.float32(2.0 * softness), 0.0, 1.0)
    return np.asarray(share * share * (np.float32(3.0) - np.float32(2.0) * share), np.float32)


@lru_cache(maxsize=512)
def _spline_weights(size: int, knots: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """First lattice point of each pixel (size,), and its weights there and at the next three (4, size).

    They are scaled so that white noise comes out with SD 1.
    """
    place = (np.arange(size) + 0.5) / size * knots
    first = np.minimum(place.astype(np.intp), knots - 1)
    t = place - first
    parts = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    weights = np.stack(parts) / 6.0
    scaled = weights / np.sqrt(np.mean(np.sum(weights**2, axis=0)))
    return first, scaled.astype(np.float32)
