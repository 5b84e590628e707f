"""Cells of no class: every attribute drawn on its own and broadly, under stains far beyond the phantom's own.

This is what the pocket pipeline is pre-trained on, so that it has seen parts of cells but no class.
"""

from __future__ import annotations

from typing import get_args

import numpy as np

from cytobench_phantom.captions import CYTOPLASM
from cytobench_phantom.cell import Cell, Colour, Granules, NucleusShape, Smear

GRANULE_LOOKS: dict[Granules, tuple[Colour, float]] = {  # colour, radius in micrometres
    "none": ((0.7, 0.5, 0.7), 0.3),
    "pink": ((0.78, 0.55, 0.72), 0.20),
    "azurophilic": ((0.50, 0.22, 0.58), 0.26),
    "orange": ((0.84, 0.46, 0.46), 0.45),
    "dark": ((0.26, 0.12, 0.42), 0.42),
}


def draw_wild(rng: np.random.Generator) -> tuple[Cell, Smear]:
    """A random combination of attributes that need not exist in any blood, and a random smear around it."""
    smear = _draw_smear(rng)
    if rng.random() < 0.04:
        return _draw_burst(rng), smear
    shapes = [shape for shape in get_args(NucleusShape) if shape != "smeared"]
    shape = shapes[rng.integers(len(shapes))]
    compact = shape in ("round", "oval", "indented", "kidney", "folded")
    kinds: tuple[Granules, ...] = get_args(Granules)
    kind = kinds[rng.choice(len(kinds), p=(0.32, 0.17, 0.17, 0.17, 0.17))]
    look, radius = GRANULE_LOOKS[kind]
    names = list(CYTOPLASM)
    return Cell(
        size=float(rng.uniform(7.0, 19.0)),
        nucleus=shape,
        nucleus_share=float(rng.uniform(0.25, 0.85) if compact else rng.uniform(0.22, 0.55)),
        nucleus_colour=_nucleus_colour(rng),
        cytoplasm_colour=_jitter(CYTOPLASM[names[rng.integers(len(names))]], 0.12, rng),
        lobes=int(rng.integers(2, 6)),
        indentation=float(rng.uniform(0, 1)),
        offset=float(rng.uniform(0, 0.9)),
        clumping=float(rng.uniform(0, 1)),
        nucleoli=int(rng.integers(1, 5)) if rng.random() < 0.3 else 0,
        rim=float(rng.uniform(0.45, 1.0) if rng.random() < 0.25 else rng.uniform(0, 0.3)),
        halo=float(rng.uniform(0.45, 1.0) if rng.random() < 0.25 else 0.0),
        granules=kind,
        granule_density=0.0 if kind == "none" else float(rng.uniform(0.1, 1.0)),
        granule_size=radius * float(rng.uniform(0.75, 1.3)),
        granule_colour=_jitter(look, 0.12, rng),
        vacuoles=int(rng.integers(1, 11)) if rng.random() < 0.2 else 0,
        elongation=float(rng.uniform(1.0, 1.2) if rng.random() < 0.8 else rng.uniform(1.25, 1.5)),
        roughness=float(rng.uniform(0.05, 0.45) if rng.random() < 0.75 else rng.uniform(0.5, 1.0)),
    ), smear


def _draw_burst(rng: np.random.Generator) -> Cell:
    return Cell(
        size=float(rng.uniform(9, 18)),
        nucleus="smeared",
        nucleus_share=float(rng.uniform(0.4, 0.8)),
        nucleus_colour=_nucleus_colour(rng),
        cytoplasm_colour=(0.9, 0.85, 0.92),
        clumping=float(rng.uniform(0, 1)),
        roughness=1.0,
        smudged=True,
    )


def _nucleus_colour(rng: np.random.Generator) -> Colour:
    """Depth (mean optical density) and hue (red over green density) drawn apart."""
    depth, hue = rng.uniform(0.6, 1.75), rng.uniform(0.36, 0.98)
    green = depth * rng.uniform(1.35, 1.6)
    red = green * hue
    blue = max(0.15, 3 * depth - green - red) if hue < 0.75 else green * rng.uniform(0.3, 0.5)
    blue = min(blue, 0.6 * green)
    red, green, blue = np.clip(np.exp((-red, -green, -blue)), 0.03, 0.98).tolist()
    return red, green, blue


def _jitter(colour: Colour, amount: float, rng: np.random.Generator) -> Colour:
    """The colour with its optical density scaled as a whole and by channel."""
    scale = (1 + amount * rng.standard_normal()) * (1 + amount * rng.standard_normal(3))
    red, green, blue = np.clip(np.asarray(colour) ** np.clip(scale, 0.4, 1.8), 0.03, 0.99).tolist()
    return red, green, blue


def _draw_smear(rng: np.random.Generator) -> Smear:
    light, yellow, pink = rng.uniform(0.86, 1.0), rng.uniform(-0.05, 0.28), rng.uniform(-0.02, 0.10)
    ground = np.clip((light, light - pink - 0.3 * yellow, light - yellow), 0.4, 1.0).tolist()
    red_light = rng.uniform(0.66, 0.93)
    red_colour = (
        red_light * rng.uniform(0.96, 1.04),
        red_light * rng.uniform(0.76, 0.95),
        red_light * rng.uniform(0.78, 1.04),
    )
    stain = np.clip(rng.uniform(0.75, 1.3) * rng.uniform(0.85, 1.18, 3), 0.6, 1.5).tolist()
    return Smear(
        field=float(rng.uniform(19, 33)),
        ground=(ground[0], ground[1], ground[2]),
        stain=(stain[0], stain[1], stain[2]),
        blur=float(rng.choice((rng.uniform(0.05, 0.2), rng.uniform(0.2, 0.7)), p=(0.8, 0.2))),
        red_cells=float(rng.uniform(0.0, 0.75)),
        red_colour=red_colour,
        red_size=float(rng.uniform(6.0, 8.4)),
        pallor=float(rng.uniform(0.0, 0.95)),
        red_overlap=float(rng.uniform(0.0, 0.45)),
        platelets=int(rng.poisson(0.6)),
        noise=float(rng.uniform(0.0, 0.02)),
        vignette=float(rng.uniform(0.0, 0.15)),
        gradient=tuple(rng.uniform(-0.04, 0.04, 3).tolist()),
    )
