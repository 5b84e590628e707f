"""Red cells and platelets around the white cell, as optical density to be added to the ground's."""

from __future__ import annotations

import math

import numpy as np

from cytobench_phantom.cell import Smear
from cytobench_phantom.field import Field, Plane, exp


def red_cell_thickness(smear: Smear, field: Field, keep_out: float, rng: np.random.Generator) -> Plane:
    """Thickness of all red cells, about 1 in the ring of one, more in overlaps: (size, size) float32.

    None reaches into the circle of radius `keep_out` (micrometres) around (0, 0) by much more than a tenth of
    its own radius.
    """
    radius = smear.red_size / 2
    half = field.width / 2 + radius
    wanted = int(smear.red_cells * (2 * half) ** 2 / (math.pi * radius**2))
    apart = 2 * radius * (1.0 - smear.red_overlap)
    thickness = np.zeros((field.size, field.size), np.float32)
    x, y = field.axes()
    bend = np.float32(0.3)  # no red cell is a perfect disc
    x, y = x + bend * field.noise(4.0, rng), y + bend * field.noise(4.0, rng)
    placed: list[tuple[float, float]] = []
    for cx, cy in rng.uniform(-half, half, (3 * wanted, 2)).tolist():
        if len(placed) >= wanted:
            break
        if math.hypot(cx, cy) < keep_out + 0.9 * radius:
            continue
        if any(math.hypot(cx - px, cy - py) < apart for px, py in placed):
            continue
        placed.append((cx, cy))
    shapes = rng.uniform(size=(len(placed), 6))
    for (cx, cy), shape in zip(placed, shapes.tolist(), strict=True):
        _add_red_cell(thickness, field, (x, y), (cx, cy), radius, smear.pallor, shape)
    # where cells overlap they squeeze flat
    return np.asarray(thickness - np.float32(0.45) * np.maximum(thickness - 1, 0), np.float32)


def _add_red_cell(
    thickness: Plane,
    field: Field,
    axes: tuple[Plane, Plane],
    centre: tuple[float, float],
    radius: float,
    pallor: float,
    shape: list[float],
) -> None:
    """Add one red cell; `shape` has six numbers in 0..1: size, stretch, angle, pallor, and its place."""
    cell_radius = radius * (0.85 + 0.3 * shape[0])
    reach = 1.2 * cell_radius + field.pixel
    columns, rows = (
        slice(
            max(0, int(((c - reach) / field.width + 0.5) * field.size)),
            max(0, int(((c + reach) / field.width + 0.5) * field.size) + 2),
        )
        for c in centre
    )
    dx, dy = axes[0][rows, columns] - np.float32(centre[0]), axes[1][rows, columns] - np.float32(centre[1])
    if dx.size == 0:
        return
    stretch, angle = 1.0 + 0.14 * shape[1] ** 2, math.pi * shape[2]
    cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    along, across = (cos * dx + sin * dy) / np.float32(stretch), (cos * dy - sin * dx) * np.float32(stretch)
    q2 = (along * along + across * across) / np.float32(cell_radius * cell_radius)
    edge = np.clip((1 - np.sqrt(q2)) * np.float32(cell_radius / max(field.pixel, 0.2)) + 0.5, 0.0, 1.0)
    px, py = 0.16 * (shape[4] - 0.5), 0.16 * (shape[5] - 0.5)
    middle = (along / np.float32(cell_radius) - px) ** 2 + (across / np.float32(cell_radius) - py) ** 2
    width = 0.06 + 0.14 * shape[3]
    fall = np.power(middle / np.float32(width), 1.5, dtype=np.float64)
    profile = 1 - np.float32(pallor * (0.6 + 0.4 * shape[3])) * exp(-fall)
    profile -= np.float32(0.12) * exp(-q2 / np.float32(0.3))
    profile += np.float32(0.12) * exp(-((q2 - np.float32(0.88)) ** 2) / np.float32(0.012))
    thickness[rows, columns] += edge * profile


def platelet_cover(smear: Smear, field: Field, keep_out: float, rng: np.random.Generator) -> Plane:
    """Density of platelets, 0..1, none within `keep_out` micrometres of the middle: (size, size) float32."""
    angle = rng.uniform(0, 2 * np.pi, smear.platelets)
    distance = rng.uniform(keep_out + 1.5, max(keep_out + 2.0, 0.68 * field.width), smear.platelets)
    grains = 9
    x = (distance * np.cos(angle))[:, None] + rng.normal(0, 0.45, (smear.platelets, grains))
    y = (distance * np.sin(angle))[:, None] + rng.normal(0, 0.45, (smear.platelets, grains))
    radius = rng.uniform(0.25, 0.6, x.size)
    return np.minimum(field.discs(x.ravel(), y.ravel(), radius, np.full(x.size, 0.35)), 1.0)
