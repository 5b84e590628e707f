"""The outline of a nucleus: a bent spine of overlapping circles, one rule for round, band and lobed ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cytobench_phantom.cell import Cell
from cytobench_phantom.field import Field, Plane

Points = NDArray[np.float64]


def nucleus_distance(cell: Cell, field: Field, rng: np.random.Generator) -> Plane:
    """Signed distance to the border of the nucleus in micrometres, negative inside: (size, size) float32.

    It has about `cell.nucleus_share` of the area of the cell, unless it would then reach over the border.
    """
    points, radii = _spine(cell, rng)
    turn = rng.uniform(0, 2 * np.pi)
    points = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    points, radii = _fit(points, radii, cell)
    away = rng.uniform(0, 2 * np.pi)
    room = cell.size / 2 - float(np.max(np.hypot(points[:, 0], points[:, 1]) + radii))
    points = points + max(0.0, room) * cell.offset * np.array([np.cos(away), np.sin(away)])

    bend = 0.55 if cell.nucleus == "smeared" else 0.2 + 0.15 * cell.roughness
    if cell.nucleus == "folded":
        bend += 0.2
    x, y = field.axes()
    x = x + np.float32(bend) * field.noise(3.0, rng)
    y = y + np.float32(bend) * field.noise(3.0, rng)
    x, y = x + np.float32(0.1) * field.noise(0.9, rng), y + np.float32(0.1) * field.noise(0.9, rng)
    distance = np.full(x.shape, np.inf, np.float32)
    for (px, py), radius in zip(points.astype(np.float32), radii.astype(np.float32), strict=True):
        np.minimum(distance, np.hypot(x - px, y - py) - radius, out=distance)
    if cell.nucleus != "segmented":  # round off the sharp notch where two circles meet
        distance = ndimage.gaussian_filter(distance, 0.3 / field.pixel, truncate=3.0)
    return distance


def _fit(points: Points, radii: Points, cell: Cell) -> tuple[Points, Points]:
    """Centre the circles and scale them to the wanted area, or to what fits into the cell."""
    low, high = (points - radii[:, None]).min(axis=0), (points + radii[:, None]).max(axis=0)
    sides = [np.linspace(low[k], high[k], 32) for k in (0, 1)]
    inside = np.zeros((32, 32), bool)
    for (px, py), radius in zip(points, radii, strict=True):
        inside |= (sides[0][:, None] - px) ** 2 + (sides[1][None, :] - py) ** 2 < radius**2
    area = float(inside.mean() * np.prod(high - low))
    centre = np.array([(inside * sides[0][:, None]).sum(), (inside * sides[1][None, :]).sum()]) / inside.sum()
    points = points - centre
    reach = float(np.max(np.hypot(points[:, 0], points[:, 1]) + radii))
    wanted = np.sqrt(cell.nucleus_share * np.pi * (cell.size / 2) ** 2 / area)
    scale = min(wanted, 0.95 * cell.size / 2 / reach)
    return points * scale, radii * scale


def _arc(bow: float, half_angle: float, width: Points) -> tuple[Points, Points]:
    angle = np.linspace(-half_angle, half_angle, len(width))
    return np.stack([bow * np.sin(angle), bow * np.cos(angle)], axis=1), width


def _spine(cell: Cell, rng: np.random.Generator) -> tuple[Points, Points]:
    """Circles of the nucleus in its own units (a round one has radius 1): centres (k, 2) and radii (k,)."""
    bent = cell.indentation
    match cell.nucleus:
        case "round":
            return _line(rng.uniform(0.0, 0.08), np.ones(3))
        case "oval":
            return _line(rng.uniform(0.2, 0.4), np.ones(7) + rng.uniform(-0.1, 0.1) * np.linspace(-1, 1, 7))
        case "smeared":
            points = rng.normal(0, 0.55, (6, 2))
            return points, rng.uniform(0.5, 1.0, 6)
        case "indented":
            slope = 1 + rng.uniform(-0.15, 0.15) * np.linspace(-1, 1, 13)
            return _arc(0.35 + 0.5 * bent, np.radians(rng.uniform(75, 95)), slope)
        case "kidney":
            slope = 1 + rng.uniform(-0.2, 0.2) * np.linspace(-1, 1, 13)
            return _arc(0.75 + 0.5 * bent, np.radians(rng.uniform(75, 95)), slope)
        case "folded":
            slope = rng.uniform(0.75, 1.15, 4).repeat(4)
            slope = np.convolve(np.pad(slope, 2, "edge"), np.ones(5) / 5, "valid")
            return _arc(0.7 + 0.6 * bent, np.radians(rng.uniform(80, 120)), slope)
        case "band":
            waist = 1 - rng.uniform(0.0, 0.25) * np.cos(np.linspace(-1, 1, 19) * np.pi / 2) ** 2
            waist = waist * (1 + rng.uniform(-0.12, 0.12) * np.linspace(-1, 1, 19))
            return _arc(1.35 + 0.75 * bent, np.radians(rng.uniform(75, 105) + 40 * bent), waist)
        case "bilobed":
            return _lobes(2, rng.uniform(0.3, 0.5), rng)
        case "segmented":
            return _lobes(max(2, cell.lobes), rng.uniform(0.12, 0.24), rng)


def _line(half_length: float, width: Points) -> tuple[Points, Points]:
    place = np.linspace(-half_length, half_length, len(width))
    return np.stack([place, np.zeros_like(place)], axis=1), width


def _lobes(count: int, strand: float, rng: np.random.Generator) -> tuple[Points, Points]:
    """Rounded lobes along a bent path, neighbours joined by a strand of radius `strand`."""
    heading, side = 0.0, rng.choice((-1.0, 1.0))
    size = rng.uniform(0.75, 1.15, count)
    centres = [np.zeros(2)]
    for k in range(1, count):
        step = (size[k - 1] + size[k]) * rng.uniform(0.98, 1.3)
        centres.append(centres[-1] + step * np.array([np.cos(heading), np.sin(heading)]))
        heading += side * np.radians(rng.uniform(35, 105) if count > 2 else 0.0)
        if rng.random() < 0.2:
            side = -side
    points, radii = [], []
    for k, centre in enumerate(centres):
        lie, stretch = rng.uniform(0, np.pi), rng.uniform(0.05, 0.65) * size[k]
        along = np.array([np.cos(lie), np.sin(lie)]) * stretch
        for t in (-1.0, 0.0, 1.0):
            points.append(centre + t * along)
            radii.append(size[k] * rng.uniform(0.75, 0.95))
        if k:
            for t in np.linspace(0.2, 0.8, 9):
                points.append(centres[k - 1] * (1 - t) + centre * t)
                radii.append(strand)
    return np.array(points), np.array(radii)
