"""How lymphocytes, monocytes, blasts, erythroblasts and burst cells look: attributes a class.

Sizes are micrometres on a Wright-Giemsa smear, as haematology atlases give them. Neighbours in maturation
overlap on purpose, as they do under the microscope.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cytobench_phantom.cell import Cell
from cytobench_phantom.draws import BLUE, GREY_BLUE, PALE_BLUE, PINK, RED_VIOLET, VIOLET, few, normal, pick


def erythroblast(rng: np.random.Generator) -> Cell:
    """Early cells have blue cytoplasm, late ones grey to pinkish orange; those are smaller."""
    age = float(rng.beta(2.2, 1.4))
    blue, orange = np.array((0.52, 0.55, 0.82)), np.array((0.86, 0.68, 0.68))
    red, green, deep = (blue ** (1 - age) * orange**age).tolist()
    return Cell(
        size=normal(rng, 11.5 - 2.6 * age, 0.7, 7.8, 13.0),
        nucleus="round",
        nucleus_share=normal(rng, 0.55 - 0.25 * age, 0.05, 0.22, 0.62),
        nucleus_colour=(0.24, 0.13, 0.42) if age > 0.5 else (0.32, 0.17, 0.52),
        cytoplasm_colour=(red, green, deep),
        offset=float(rng.uniform(0.0, 0.7)),
        clumping=normal(rng, 0.85, 0.1, 0.6, 1.0),
        rim=0.2 * (1 - age),
        elongation=float(rng.uniform(1.0, 1.12)),
        roughness=float(rng.uniform(0.05, 0.3)),
    )


def typical_lymphocyte(rng: np.random.Generator) -> Cell:
    """Small, round, dense, with a narrow blue rim."""
    return Cell(
        size=normal(rng, 9.3, 0.9, 7.6, 12.0),
        nucleus=pick(rng, round=0.6, oval=0.25, indented=0.15),
        nucleus_share=normal(rng, 0.76, 0.06, 0.58, 0.88),
        nucleus_colour=(0.31, 0.17, 0.53),
        cytoplasm_colour=(0.66, 0.66, 0.87),
        indentation=float(rng.uniform(0.0, 0.3)),
        offset=float(rng.uniform(0.2, 0.9)),
        clumping=normal(rng, 0.82, 0.1, 0.5, 1.0),
        rim=float(rng.uniform(0.1, 0.45)),
        granules="azurophilic" if (granular := rng.random() < 0.08) else "none",
        granule_density=0.04 if granular else 0.0,
        granule_size=0.25,
        granule_colour=(0.60, 0.28, 0.58),
        elongation=float(rng.uniform(1.0, 1.15)),
        roughness=float(rng.uniform(0.1, 0.4)),
    )


def atypical_lymphocyte(rng: np.random.Generator) -> Cell:
    """Large and irregular, its abundant cytoplasm darker blue towards the border."""
    return Cell(
        size=normal(rng, 15.2, 1.4, 12.5, 18.5),
        nucleus=pick(rng, folded=0.35, oval=0.3, indented=0.2, kidney=0.15),
        nucleus_share=normal(rng, 0.40, 0.07, 0.27, 0.56),
        nucleus_colour=VIOLET,
        cytoplasm_colour=PALE_BLUE,
        indentation=float(rng.uniform(0.0, 0.5)),
        offset=float(rng.uniform(0.1, 0.9)),
        clumping=normal(rng, 0.6, 0.12, 0.35, 0.9),
        nucleoli=few(rng, 0.25, 2),
        rim=float(rng.uniform(0.65, 1.0)),
        vacuoles=few(rng, 0.2, 4),
        elongation=float(rng.uniform(1.05, 1.45)),
        roughness=float(rng.uniform(0.55, 1.0)),
    )


def monocyte(rng: np.random.Generator) -> Cell:
    """Large, a bean or folded nucleus, grey-blue cytoplasm with vacuoles."""
    return Cell(
        size=normal(rng, 16.2, 1.3, 13.5, 19.0),
        nucleus=pick(rng, kidney=0.5, folded=0.4, band=0.1),
        nucleus_share=normal(rng, 0.47, 0.06, 0.34, 0.60),
        nucleus_colour=VIOLET,
        cytoplasm_colour=GREY_BLUE,
        indentation=float(rng.uniform(0.1, 0.8)),
        offset=float(rng.uniform(0.1, 0.7)),
        clumping=normal(rng, 0.5, 0.1, 0.3, 0.75),
        granules="pink",
        granule_density=float(rng.uniform(0.1, 0.4)),
        granule_size=0.14,
        granule_colour=(0.62, 0.48, 0.72),
        vacuoles=few(rng, 0.55, 9),
        elongation=float(rng.uniform(1.0, 1.22)),
        roughness=float(rng.uniform(0.3, 0.8)),
    )


def myeloblast(rng: np.random.Generator) -> Cell:
    """What myeloblasts and monoblasts share: fine chromatin, nucleoli and little cytoplasm."""
    return Cell(
        size=normal(rng, 14.6, 1.4, 11.5, 18.0),
        nucleus=pick(rng, round=0.55, oval=0.35, indented=0.10),
        nucleus_share=normal(rng, 0.74, 0.06, 0.58, 0.86),
        nucleus_colour=RED_VIOLET,
        cytoplasm_colour=BLUE,
        indentation=float(rng.uniform(0.0, 0.35)),
        offset=float(rng.uniform(0.2, 0.9)),
        clumping=normal(rng, 0.18, 0.08, 0.0, 0.38),
        nucleoli=int(rng.integers(1, 5)),
        rim=float(rng.uniform(0.1, 0.5)),
        elongation=float(rng.uniform(1.0, 1.2)),
        roughness=float(rng.uniform(0.15, 0.5)),
    )


def monoblast(rng: np.random.Generator) -> Cell:
    """Larger than a myeloblast, its nucleus often folded."""
    return replace(
        myeloblast(rng),
        size=normal(rng, 17.0, 1.2, 14.0, 19.5),
        nucleus=pick(rng, round=0.25, folded=0.35, indented=0.40),
        nucleus_share=normal(rng, 0.62, 0.06, 0.48, 0.76),
        cytoplasm_colour=(0.66, 0.67, 0.86),
        nucleoli=int(rng.integers(1, 3)),
        vacuoles=few(rng, 0.3, 5),
        roughness=float(rng.uniform(0.3, 0.7)),
    )


def smudge(rng: np.random.Generator) -> Cell:
    """A burst nucleus."""
    return Cell(
        size=normal(rng, 14.5, 1.8, 11.0, 19.0),
        nucleus="smeared",
        nucleus_share=float(rng.uniform(0.5, 0.9)),
        nucleus_colour=(0.52, 0.32, 0.66),
        cytoplasm_colour=PINK,
        clumping=normal(rng, 0.5, 0.15, 0.2, 0.9),
        elongation=float(rng.uniform(1.0, 1.5)),
        roughness=1.0,
        smudged=True,
    )
