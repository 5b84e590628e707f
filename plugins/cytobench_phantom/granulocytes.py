"""How granulocytes and their precursors look: a distribution of attributes a class.

Sizes are micrometres on a Wright-Giemsa smear, as haematology atlases give them. Neighbours in maturation
overlap on purpose, as they do under the microscope.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cytobench_phantom.cell import Cell
from cytobench_phantom.draws import DARK_VIOLET, LILAC, PINK, RED_VIOLET, VIOLET, few, normal, pick


def neutrophil(rng: np.random.Generator) -> Cell:
    """What bands and segmented neutrophils share: pale pink cytoplasm full of fine granules."""
    return Cell(
        size=normal(rng, 12.8, 0.8, 11.0, 15.0),
        nucleus="segmented",
        nucleus_share=normal(rng, 0.36, 0.04, 0.28, 0.46),
        nucleus_colour=DARK_VIOLET,
        cytoplasm_colour=PINK,
        lobes=int(rng.choice((2, 3, 4, 5), p=(0.12, 0.44, 0.34, 0.10))),
        offset=float(rng.uniform(0.0, 0.6)),
        clumping=normal(rng, 0.85, 0.08, 0.6, 1.0),
        granules="pink",
        granule_density=normal(rng, 0.7, 0.15, 0.3, 1.0),
        granule_size=float(rng.uniform(0.14, 0.20)),
        granule_colour=(0.76, 0.55, 0.74),
        vacuoles=few(rng, 0.06, 4),
        elongation=float(rng.uniform(1.0, 1.15)),
        roughness=float(rng.uniform(0.1, 0.4)),
    )


def band(rng: np.random.Generator) -> Cell:
    """A bent nucleus of even width, its chromatin nearly as dense as in a segmented one."""
    cell = neutrophil(rng)
    return replace(
        cell,
        nucleus="band",
        nucleus_share=normal(rng, 0.38, 0.04, 0.30, 0.48),
        indentation=float(rng.uniform(0.2, 0.9)),
        clumping=normal(rng, 0.75, 0.08, 0.5, 0.95),
    )


def _precursor(rng: np.random.Generator) -> Cell:
    """What myelocytes and metamyelocytes share: a granular lilac to pink cytoplasm."""
    return Cell(
        size=normal(rng, 14.2, 1.1, 12.0, 17.0),
        nucleus="oval",
        nucleus_share=normal(rng, 0.50, 0.06, 0.38, 0.64),
        nucleus_colour=VIOLET,
        cytoplasm_colour=LILAC,
        indentation=float(rng.uniform(0.2, 0.6)),
        offset=float(rng.uniform(0.4, 0.95)),
        clumping=normal(rng, 0.58, 0.1, 0.35, 0.8),
        rim=float(rng.uniform(0.0, 0.3)),
        halo=float(rng.uniform(0.0, 0.6)),
        granules="pink",
        granule_density=normal(rng, 0.8, 0.15, 0.4, 1.0),
        granule_size=float(rng.uniform(0.16, 0.24)),
        granule_colour=(0.68, 0.44, 0.70),
        elongation=float(rng.uniform(1.0, 1.18)),
        roughness=float(rng.uniform(0.15, 0.45)),
    )


def myelocyte(rng: np.random.Generator) -> Cell:
    """An oval nucleus, often at one side."""
    return replace(_precursor(rng), nucleus=pick(rng, oval=0.65, round=0.25, indented=0.10))


def metamyelocyte(rng: np.random.Generator) -> Cell:
    """An indented nucleus."""
    return replace(
        _precursor(rng),
        size=normal(rng, 13.4, 0.9, 11.5, 16.0),
        nucleus=pick(rng, indented=0.55, kidney=0.45),
        nucleus_share=normal(rng, 0.45, 0.05, 0.34, 0.56),
        cytoplasm_colour=(0.88, 0.76, 0.90),
        indentation=float(rng.uniform(0.45, 1.0)),
        clumping=normal(rng, 0.68, 0.09, 0.45, 0.9),
    )


def eosinophil(rng: np.random.Generator) -> Cell:
    """Two lobes amid orange granules that fill the cytoplasm."""
    return Cell(
        size=normal(rng, 13.4, 0.8, 11.5, 15.5),
        nucleus=pick(rng, bilobed=0.8, segmented=0.2),
        nucleus_share=normal(rng, 0.33, 0.04, 0.25, 0.42),
        nucleus_colour=DARK_VIOLET,
        cytoplasm_colour=(0.88, 0.68, 0.73),
        lobes=3,
        offset=float(rng.uniform(0.2, 0.9)),
        clumping=normal(rng, 0.8, 0.1, 0.5, 1.0),
        granules="orange",
        granule_density=normal(rng, 0.85, 0.12, 0.5, 1.0),
        granule_size=float(rng.uniform(0.30, 0.42)),
        granule_colour=(0.80, 0.47, 0.50),
        vacuoles=few(rng, 0.15, 5),
        elongation=float(rng.uniform(1.0, 1.15)),
        roughness=float(rng.uniform(0.1, 0.35)),
    )


def basophil(rng: np.random.Generator) -> Cell:
    """Dark granules that hide the nucleus."""
    return Cell(
        size=normal(rng, 11.8, 0.8, 10.0, 14.0),
        nucleus=pick(rng, bilobed=0.5, indented=0.25, segmented=0.25),
        nucleus_share=normal(rng, 0.45, 0.06, 0.32, 0.58),
        nucleus_colour=(0.42, 0.24, 0.58),
        cytoplasm_colour=(0.82, 0.68, 0.86),
        lobes=3,
        clumping=normal(rng, 0.5, 0.12, 0.2, 0.8),
        granules="dark",
        granule_density=normal(rng, 0.65, 0.2, 0.25, 1.0),
        granule_size=float(rng.uniform(0.28, 0.42)),
        granule_colour=(0.24, 0.10, 0.42),
        vacuoles=few(rng, 0.2, 4),
        elongation=float(rng.uniform(1.0, 1.15)),
        roughness=float(rng.uniform(0.1, 0.35)),
    )


def promyelocyte(rng: np.random.Generator) -> Cell:
    """Large, nucleoli, purple granules, a pale zone beside the nucleus."""
    return Cell(
        size=normal(rng, 16.8, 1.3, 14.0, 19.5),
        nucleus=pick(rng, round=0.45, oval=0.45, indented=0.10),
        nucleus_share=normal(rng, 0.56, 0.07, 0.42, 0.72),
        nucleus_colour=RED_VIOLET,
        cytoplasm_colour=(0.68, 0.64, 0.86),
        indentation=float(rng.uniform(0.0, 0.3)),
        offset=float(rng.uniform(0.4, 1.0)),
        clumping=normal(rng, 0.28, 0.09, 0.08, 0.5),
        nucleoli=few(rng, 0.85, 3),
        rim=float(rng.uniform(0.2, 0.6)),
        halo=float(rng.uniform(0.2, 0.9)),
        granules="azurophilic",
        granule_density=normal(rng, 0.6, 0.2, 0.2, 1.0),
        granule_size=float(rng.uniform(0.22, 0.30)),
        granule_colour=(0.50, 0.20, 0.56),
        elongation=float(rng.uniform(1.0, 1.2)),
        roughness=float(rng.uniform(0.15, 0.5)),
    )


def promyelocyte_bilobed(rng: np.random.Generator) -> Cell:
    """A promyelocyte whose nucleus has two lobes."""
    return replace(
        promyelocyte(rng),
        nucleus="bilobed",
        nucleus_share=normal(rng, 0.50, 0.06, 0.38, 0.62),
        offset=float(rng.uniform(0.0, 0.6)),
        nucleoli=few(rng, 0.4, 2),
    )
