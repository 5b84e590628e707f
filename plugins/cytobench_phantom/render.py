"""From a described cell and smear to a picture: optical densities (Beer-Lambert) added over a lit ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cytobench_phantom.cell import Cell, Colour, Smear
from cytobench_phantom.field import Field, Plane, cover, exp, tanh
from cytobench_phantom.nucleus import nucleus_distance
from cytobench_phantom.redcells import platelet_cover, red_cell_thickness

BLUE_RIM: Colour = (0.44, 0.45, 0.76)
NUCLEOLUS: Colour = (0.62, 0.58, 0.85)
PLATELET: Colour = (0.60, 0.42, 0.68)
GRANULES_PER_AREA = {"none": 0.0, "pink": 2.6, "azurophilic": 1.6, "orange": 2.4, "dark": 1.9}
"""At most, per squared diameter of the cell."""
GRANULES_OVER_NUCLEUS = {"none": 0.0, "pink": 0.05, "azurophilic": 0.35, "orange": 0.08, "dark": 0.8}
"""Chance that a granule over the nucleus is seen."""


def density(colour: Colour) -> NDArray[np.float32]:
    """Optical density (3,) of a transmitted colour."""
    return -np.log(np.asarray(colour, np.float32))


def render(cell: Cell, smear: Smear, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One picture: (size, size, 3) RGB uint8, the white cell in the middle, red cells never over it.

    The same `rng` state gives the same pixels; at another size it gives the same cell in other pixels.
    """
    field = Field(size, smear.field)
    outline = _outline(cell, field, rng)
    nucleus = nucleus_distance(cell, field, rng)
    body, body_density = _white_cell(cell, field, outline, nucleus, rng)

    keep_out = cell.size / 2 * (0.9 if cell.smudged else 1.0)
    red = red_cell_thickness(smear, field, keep_out, rng)
    platelets = platelet_cover(smear, field, keep_out, rng)
    red *= 1 - body
    platelets *= 1 - body
    total = body_density * np.asarray(smear.stain, np.float32)[:, None, None]
    total += red * density(smear.red_colour)[:, None, None]
    total += platelets * density(PLATELET)[:, None, None]
    light = exp(-total)
    sigma = smear.blur / field.pixel
    if sigma > 0.2:
        for channel in light:
            ndimage.gaussian_filter(channel, sigma, output=channel, truncate=3.0)
    light *= np.asarray(smear.ground, np.float32)[:, None, None] * _illumination(smear, field)
    light += np.float32(smear.noise) * rng.standard_normal(light.shape, dtype=np.float32)
    return np.ascontiguousarray((np.clip(light, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))


def _illumination(smear: Smear, field: Field) -> Plane:
    """Light falling on each channel: (3, size, size)."""
    x, y = field.axes()
    x, y = x * np.float32(2 / field.width), y * np.float32(2 / field.width)
    right, down, warmth = smear.gradient
    even = 1 - np.float32(smear.vignette / 2) * (x * x + y * y)
    tilt = np.float32(right) * x + np.float32(down) * y
    return np.stack([even + tilt * np.float32(1 + side * warmth) for side in (1, 0, -1)])


def _outline(cell: Cell, field: Field, rng: np.random.Generator) -> Plane:
    """Signed distance to the cell's border in micrometres, negative inside."""
    angle = rng.uniform(0, np.pi)
    x, y = field.axes()
    bend = np.float32(cell.roughness)
    x = x + bend * field.noise(5.0, rng) * np.float32(0.9)
    y = y + bend * field.noise(5.0, rng) * np.float32(0.9)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    stretch = np.float32(np.sqrt(cell.elongation))
    radius = np.float32(cell.size / 2)
    q = np.hypot((cos * x + sin * y) / stretch, (cos * y - sin * x) * stretch) - radius
    return q + bend * np.float32(0.35) * field.noise(1.6, rng)


def _white_cell(
    cell: Cell, field: Field, outline: Plane, nucleus: Plane, rng: np.random.Generator
) -> tuple[Plane, Plane]:
    """The white cell alone: its cover (size, size), 0..1, and its optical density (3, size, size)."""
    soft = max(field.pixel * 0.6, 0.12)
    inside = cover(outline, soft)
    core = cover(nucleus, soft)
    if cell.smudged:
        inside = cover(nucleus + np.float32(0.9) * field.noise(1.5, rng), 1.6)
        core = inside
    else:
        core = core * inside
    plasma = _cytoplasm(cell, field, outline, nucleus, rng)
    chromatin = _chromatin(cell, field, nucleus, rng)
    whole = plasma * (1 - core) + chromatin * core
    if cell.granules != "none" and not cell.smudged:
        whole = _add_granules(whole, cell, field, outline, nucleus, rng)
    if cell.vacuoles:
        whole *= 1 - np.float32(0.8) * _vacuoles(cell, field, outline, nucleus, rng)
    return inside, whole * inside


def _cytoplasm(cell: Cell, field: Field, outline: Plane, nucleus: Plane, rng: np.random.Generator) -> Plane:
    base, rim = density(cell.cytoplasm_colour)[:, None, None], density(BLUE_RIM)[:, None, None]
    texture = 1 + np.float32(0.13) * field.noise(1.4, rng) + np.float32(0.16) * field.noise(0.42, rng)
    near_border = exp(np.minimum(outline, 0) / np.float32(0.9))
    membrane = exp(-((outline + np.float32(0.2)) ** 2) / np.float32(0.06))
    share = np.float32(cell.rim) * near_border
    depth = base * (1 - share) + rim * share
    if cell.halo > 0:  # the pale Golgi zone lies on one side of the nucleus
        side = np.clip(field.noise(7.0, rng), 0, 1)
        depth = depth * (
            1 - np.float32(0.75 * cell.halo) * side * exp(-np.maximum(nucleus, 0) / np.float32(1.2))
        )
    return np.asarray(depth * texture * (1 + np.float32(0.25) * membrane), np.float32)


def _chromatin(cell: Cell, field: Field, nucleus: Plane, rng: np.random.Generator) -> Plane:
    clump = cell.clumping
    coarse = tanh(field.noise(0.7 + 0.5 * clump, rng) * np.float32(1.8))
    fine = field.noise(0.4, rng)
    gaps = exp(-((field.noise(1.1, rng) / np.float32(0.3)) ** 2))  # pale lines between clumps
    texture = (
        1
        + np.float32(0.05 + 0.18 * clump) * coarse
        + np.float32(0.13) * fine
        - np.float32(0.32 * clump) * gaps
    )
    if cell.nucleus == "folded":  # creases
        texture += np.float32(0.22) * exp(-((field.noise(4.0, rng) / np.float32(0.22)) ** 2))
    rim = exp(-((nucleus + np.float32(0.25)) ** 2) / np.float32(0.12))
    texture = texture + np.float32(0.12) * rim
    depth = density(cell.nucleus_colour)[:, None, None] * np.maximum(texture, np.float32(0.2))
    if cell.nucleoli:
        x, y = _places(nucleus, field, cell, cell.nucleoli, -0.9, rng)
        spots = np.minimum(field.discs(x, y, rng.uniform(0.55, 1.0, len(x)), np.ones(len(x))), 1.0)
        spots = ndimage.gaussian_filter(spots, 0.15 / field.pixel) * np.float32(0.75)
        depth = depth * (1 - spots) + density(NUCLEOLUS)[:, None, None] * spots
    return np.asarray(depth, np.float32)


def _add_granules(
    whole: Plane, cell: Cell, field: Field, outline: Plane, nucleus: Plane, rng: np.random.Generator
) -> Plane:
    """Lay granules over the cell's density (3, size, size), most in the cytoplasm, some on the nucleus."""
    most = GRANULES_PER_AREA[cell.granules] * cell.size**2
    count = int(most * cell.granule_density)
    x, y = rng.uniform(-0.55 * cell.size, 0.55 * cell.size, (2, count))
    lot, grain = rng.uniform(size=count), rng.normal(size=count)
    over = GRANULES_OVER_NUCLEUS[cell.granules]
    stay = (field.at(outline, x, y) < -0.25) & ((field.at(nucleus, x, y) > 0.05) | (lot < over))
    x, y, grain = x[stay], y[stay], grain[stay]
    radius = cell.granule_size * np.clip(1 + 0.25 * grain, 0.5, 1.6)
    depth = density(cell.granule_colour)[:, None, None]
    cover_of_all = np.minimum(field.discs(x, y, radius, np.clip(0.8 + 0.2 * grain[::-1], 0.3, 1.2)), 1.15)
    if cell.granules == "orange":  # refractile: a bright speck in every granule
        cover_of_all -= np.float32(0.35) * np.minimum(
            field.discs(x - 0.2 * radius, y - 0.2 * radius, radius * 0.45, np.ones(len(x))), 1.0
        )
    share = np.clip(cover_of_all, 0, 1)
    return np.asarray(whole * (1 - np.float32(0.75) * share) + depth * cover_of_all, np.float32)


def _vacuoles(cell: Cell, field: Field, outline: Plane, nucleus: Plane, rng: np.random.Generator) -> Plane:
    plasma = np.maximum(outline, np.float32(0.4) - nucleus)
    x, y = _places(plasma, field, cell, cell.vacuoles, -0.3, rng)
    return np.minimum(field.discs(x, y, rng.uniform(0.3, 0.75, len(x)), np.ones(len(x))), 1.0)


def _places(
    distance: Plane, field: Field, cell: Cell, count: int, depth: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Up to `count` random points (micrometres) where the signed distance is below `depth`."""
    x, y = rng.uniform(-0.5 * cell.size, 0.5 * cell.size, (2, 40 * count))
    inside = np.flatnonzero(field.at(distance, x, y) < depth)[:count]
    return x[inside], y[inside]
