"""How the cells of each class look: a distribution of attributes a class, as haematology atlases describe them.

Sizes are micrometres on a Wright-Giemsa smear. Neighbours in maturation overlap on purpose, as they do under the
microscope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from cytobench_phantom.cell import Cell, Colour, NucleusShape

DARK_VIOLET: Colour = (0.29, 0.16, 0.50)
VIOLET: Colour = (0.42, 0.23, 0.60)
RED_VIOLET: Colour = (0.47, 0.24, 0.60)
PINK: Colour = (0.93, 0.83, 0.91)
LILAC: Colour = (0.82, 0.70, 0.88)
GREY_BLUE: Colour = (0.71, 0.68, 0.82)
BLUE: Colour = (0.62, 0.60, 0.83)
PALE_BLUE: Colour = (0.76, 0.77, 0.92)


def _pick(rng: np.random.Generator, **chances: float) -> NucleusShape:
    """One of the named nucleus shapes with the given chances."""
    names: list[NucleusShape] = list(chances)  # type: ignore[arg-type]
    return names[rng.choice(len(names), p=list(chances.values()))]


def _normal(rng: np.random.Generator, mean: float, spread: float, low: float, high: float) -> float:
    return float(np.clip(rng.normal(mean, spread), low, high))


def _few(rng: np.random.Generator, chance: float, most: int) -> int:
    return int(rng.integers(1, most + 1)) if rng.random() < chance else 0


def _neutrophil(rng: np.random.Generator) -> Cell:
    """What bands and segmented neutrophils share: pale pink cytoplasm full of fine granules."""
    return Cell(
        size=_normal(rng, 12.8, 0.8, 11.0, 15.0),
        nucleus="segmented",
        nucleus_share=_normal(rng, 0.36, 0.04, 0.28, 0.46),
        nucleus_colour=DARK_VIOLET,
        cytoplasm_colour=PINK,
        lobes=int(rng.choice((2, 3, 4, 5), p=(0.12, 0.44, 0.34, 0.10))),
        offset=float(rng.uniform(0.0, 0.6)),
        clumping=_normal(rng, 0.85, 0.08, 0.6, 1.0),
        granules="pink",
        granule_density=_normal(rng, 0.7, 0.15, 0.3, 1.0),
        granule_size=float(rng.uniform(0.14, 0.20)),
        granule_colour=(0.76, 0.55, 0.74),
        vacuoles=_few(rng, 0.06, 4),
        elongation=float(rng.uniform(1.0, 1.15)),
        roughness=float(rng.uniform(0.1, 0.4)),
    )


def _band(rng: np.random.Generator) -> Cell:
    cell = _neutrophil(rng)
    return replace(
        cell,
        nucleus="band",
        nucleus_share=_normal(rng, 0.38, 0.04, 0.30, 0.48),
        indentation=float(rng.uniform(0.2, 0.9)),
        clumping=_normal(rng, 0.75, 0.08, 0.5, 0.95),
    )


def _granulocyte_precursor(rng: np.random.Generator) -> Cell:
    """What myelocytes and metamyelocytes share: a granular lilac to pink cytoplasm."""
    return Cell(
        size=_normal(rng, 14.2, 1.1, 12.0, 17.0),
        nucleus="oval",
        nucleus_share=_normal(rng, 0.50, 0.06, 0.38, 0.64),
        nucleus_colour=VIOLET,
        cytoplasm_colour=LILAC,
        indentation=float(rng.uniform(0.2, 0.6)),
        offset=float(rng.uniform(0.4, 0.95)),
        clumping=_normal(rng, 0.58, 0.1, 0.35, 0.8),
        rim=float(rng.uniform(0.0, 0.3)),
        halo=float(rng.uniform(0.0, 0.6)),
        granules="pink",
        granule_density=_normal(rng, 0.8, 0.15, 0.4, 1.0),
        granule_size=float(rng.uniform(0.16, 0.24)),
        granule_colour=(0.68, 0.44, 0.70),
        elongation=float(rng.uniform(1.0, 1.18)),
        roughness=float(rng.uniform(0.15, 0.45)),
    )


def _myelocyte(rng: np.random.Generator) -> Cell:
    return replace(_granulocyte_precursor(rng), nucleus=_pick(rng, oval=0.65, round=0.25, indented=0.10))


def _metamyelocyte(rng: np.random.Generator) -> Cell:
    return replace(
        _granulocyte_precursor(rng),
        size=_normal(rng, 13.4, 0.9, 11.5, 16.0),
        nucleus=_pick(rng, indented=0.55, kidney=0.45),
        nucleus_share=_normal(rng, 0.45, 0.05, 0.34, 0.56),
        cytoplasm_colour=(0.88, 0.76, 0.90),
        indentation=float(rng.uniform(0.45, 1.0)),
        clumping=_normal(rng, 0.68, 0.09, 0.45, 0.9),
    )


def _eosinophil(rng: np.random.Generator) -> Cell:
    return Cell(
        size=_normal(rng, 13.4, 0.8, 11.5, 15.5),
        nucleus=_pick(rng, bilobed=0.8, segmented=0.2),
        nucleus_share=_normal(rng, 0.33, 0.04, 0.25, 0.42),
        nucleus_colour=DARK_VIOLET,
        cytoplasm_colour=(0.88, 0.68, 0.73),
        lobes=3,
        offset=float(rng.uniform(0.2, 0.9)),
        clumping=_normal(rng, 0.8, 0.1, 0.5, 1.0),
        granules="orange",
        granule_density=_normal(rng, 0.85, 0.12, 0.5, 1.0),
        granule_size=float(rng.uniform(0.30, 0.42)),
        granule_colour=(0.80, 0.47, 0.50),
        vacuoles=_few(rng, 0.15, 5),
        elongation=float(rng.uniform(1.0, 1.15)),
        roughness=float(rng.uniform(0.1, 0.35)),
    )


def _basophil(rng: np.random.Generator) -> Cell:
    return Cell(
        size=_normal(rng, 11.8, 0.8, 10.0, 14.0),
        nucleus=_pick(rng, bilobed=0.5, indented=0.25, segmented=0.25),
        nucleus_share=_normal(rng, 0.45, 0.06, 0.32, 0.58),
        nucleus_colour=(0.42, 0.24, 0.58),
        cytoplasm_colour=(0.82, 0.68, 0.86),
        lobes=3,
        clumping=_normal(rng, 0.5, 0.12, 0.2, 0.8),
        granules="dark",
        granule_density=_normal(rng, 0.65, 0.2, 0.25, 1.0),
        granule_size=float(rng.uniform(0.28, 0.42)),
        granule_colour=(0.24, 0.10, 0.42),
        vacuoles=_few(rng, 0.2, 4),
        elongation=float(rng.uniform(1.0, 1.15)),
        roughness=float(rng.uniform(0.1, 0.35)),
    )


def _erythroblast(rng: np.random.Generator) -> Cell:
    """From the blue cytoplasm of early cells over grey to the pinkish orange of late ones, which are smaller."""
    age = float(rng.beta(2.2, 1.4))
    blue, orange = np.array((0.52, 0.55, 0.82)), np.array((0.86, 0.68, 0.68))
    red, green, deep = (blue ** (1 - age) * orange**age).tolist()
    return Cell(
        size=_normal(rng, 11.5 - 2.6 * age, 0.7, 7.8, 13.0),
        nucleus="round",
        nucleus_share=_normal(rng, 0.55 - 0.25 * age, 0.05, 0.22, 0.62),
        nucleus_colour=(0.24, 0.13, 0.42) if age > 0.5 else (0.32, 0.17, 0.52),
        cytoplasm_colour=(red, green, deep),
        offset=float(rng.uniform(0.0, 0.7)),
        clumping=_normal(rng, 0.85, 0.1, 0.6, 1.0),
        rim=0.2 * (1 - age),
        elongation=float(rng.uniform(1.0, 1.12)),
        roughness=float(rng.uniform(0.05, 0.3)),
    )


def _typical_lymphocyte(rng: np.random.Generator) -> Cell:
    return Cell(
        size=_normal(rng, 9.3, 0.9, 7.6, 12.0),
        nucleus=_pick(rng, round=0.6, oval=0.25, indented=0.15),
        nucleus_share=_normal(rng, 0.76, 0.06, 0.58, 0.88),
        nucleus_colour=(0.31, 0.17, 0.53),
        cytoplasm_colour=(0.66, 0.66, 0.87),
        indentation=float(rng.uniform(0.0, 0.3)),
        offset=float(rng.uniform(0.2, 0.9)),
        clumping=_normal(rng, 0.82, 0.1, 0.5, 1.0),
        rim=float(rng.uniform(0.1, 0.45)),
        granules="azurophilic" if (few := rng.random() < 0.08) else "none",
        granule_density=0.04 if few else 0.0,
        granule_size=0.25,
        granule_colour=(0.60, 0.28, 0.58),
        elongation=float(rng.uniform(1.0, 1.15)),
        roughness=float(rng.uniform(0.1, 0.4)),
    )


def _atypical_lymphocyte(rng: np.random.Generator) -> Cell:
    return Cell(
        size=_normal(rng, 15.2, 1.4, 12.5, 18.5),
        nucleus=_pick(rng, folded=0.35, oval=0.3, indented=0.2, kidney=0.15),
        nucleus_share=_normal(rng, 0.40, 0.07, 0.27, 0.56),
        nucleus_colour=VIOLET,
        cytoplasm_colour=PALE_BLUE,
        indentation=float(rng.uniform(0.0, 0.5)),
        offset=float(rng.uniform(0.1, 0.9)),
        clumping=_normal(rng, 0.6, 0.12, 0.35, 0.9),
        nucleoli=_few(rng, 0.25, 2),
        rim=float(rng.uniform(0.65, 1.0)),
        vacuoles=_few(rng, 0.2, 4),
        elongation=float(rng.uniform(1.05, 1.45)),
        roughness=float(rng.uniform(0.55, 1.0)),
    )


def _monocyte(rng: np.random.Generator) -> Cell:
    return Cell(
        size=_normal(rng, 16.2, 1.3, 13.5, 19.0),
        nucleus=_pick(rng, kidney=0.5, folded=0.4, band=0.1),
        nucleus_share=_normal(rng, 0.47, 0.06, 0.34, 0.60),
        nucleus_colour=VIOLET,
        cytoplasm_colour=GREY_BLUE,
        indentation=float(rng.uniform(0.1, 0.8)),
        offset=float(rng.uniform(0.1, 0.7)),
        clumping=_normal(rng, 0.5, 0.1, 0.3, 0.75),
        granules="pink",
        granule_density=float(rng.uniform(0.1, 0.4)),
        granule_size=0.14,
        granule_colour=(0.62, 0.48, 0.72),
        vacuoles=_few(rng, 0.55, 9),
        elongation=float(rng.uniform(1.0, 1.22)),
        roughness=float(rng.uniform(0.3, 0.8)),
    )


def _blast(rng: np.random.Generator) -> Cell:
    """What myeloblasts and monoblasts share: fine chromatin, nucleoli and little cytoplasm."""
    return Cell(
        size=_normal(rng, 14.6, 1.4, 11.5, 18.0),
        nucleus=_pick(rng, round=0.55, oval=0.35, indented=0.10),
        nucleus_share=_normal(rng, 0.74, 0.06, 0.58, 0.86),
        nucleus_colour=RED_VIOLET,
        cytoplasm_colour=BLUE,
        indentation=float(rng.uniform(0.0, 0.35)),
        offset=float(rng.uniform(0.2, 0.9)),
        clumping=_normal(rng, 0.18, 0.08, 0.0, 0.38),
        nucleoli=int(rng.integers(1, 5)),
        rim=float(rng.uniform(0.1, 0.5)),
        elongation=float(rng.uniform(1.0, 1.2)),
        roughness=float(rng.uniform(0.15, 0.5)),
    )


def _monoblast(rng: np.random.Generator) -> Cell:
    return replace(
        _blast(rng),
        size=_normal(rng, 17.0, 1.2, 14.0, 19.5),
        nucleus=_pick(rng, round=0.25, folded=0.35, indented=0.40),
        nucleus_share=_normal(rng, 0.62, 0.06, 0.48, 0.76),
        cytoplasm_colour=(0.66, 0.67, 0.86),
        nucleoli=int(rng.integers(1, 3)),
        vacuoles=_few(rng, 0.3, 5),
        roughness=float(rng.uniform(0.3, 0.7)),
    )


def _promyelocyte(rng: np.random.Generator) -> Cell:
    return Cell(
        size=_normal(rng, 16.8, 1.3, 14.0, 19.5),
        nucleus=_pick(rng, round=0.45, oval=0.45, indented=0.10),
        nucleus_share=_normal(rng, 0.56, 0.07, 0.42, 0.72),
        nucleus_colour=RED_VIOLET,
        cytoplasm_colour=(0.68, 0.64, 0.86),
        indentation=float(rng.uniform(0.0, 0.3)),
        offset=float(rng.uniform(0.4, 1.0)),
        clumping=_normal(rng, 0.28, 0.09, 0.08, 0.5),
        nucleoli=_few(rng, 0.85, 3),
        rim=float(rng.uniform(0.2, 0.6)),
        halo=float(rng.uniform(0.2, 0.9)),
        granules="azurophilic",
        granule_density=_normal(rng, 0.6, 0.2, 0.2, 1.0),
        granule_size=float(rng.uniform(0.22, 0.30)),
        granule_colour=(0.50, 0.20, 0.56),
        elongation=float(rng.uniform(1.0, 1.2)),
        roughness=float(rng.uniform(0.15, 0.5)),
    )


def _promyelocyte_bilobed(rng: np.random.Generator) -> Cell:
    return replace(
        _promyelocyte(rng),
        nucleus="bilobed",
        nucleus_share=_normal(rng, 0.50, 0.06, 0.38, 0.62),
        offset=float(rng.uniform(0.0, 0.6)),
        nucleoli=_few(rng, 0.4, 2),
    )


def _smudge(rng: np.random.Generator) -> Cell:
    return Cell(
        size=_normal(rng, 14.5, 1.8, 11.0, 19.0),
        nucleus="smeared",
        nucleus_share=float(rng.uniform(0.5, 0.9)),
        nucleus_colour=(0.52, 0.32, 0.66),
        cytoplasm_colour=PINK,
        clumping=_normal(rng, 0.5, 0.15, 0.2, 0.9),
        elongation=float(rng.uniform(1.0, 1.5)),
        roughness=1.0,
        smudged=True,
    )


CLASSES: dict[str, Callable[[np.random.Generator], Cell]] = {
    "Basophil": _basophil,
    "Erythroblast": _erythroblast,
    "Eosinophil": _eosinophil,
    "Smudge cell": _smudge,
    "Atypical Lymphocyte": _atypical_lymphocyte,
    "Typical Lymphocyte": _typical_lymphocyte,
    "Metamyelocyte": _metamyelocyte,
    "Monoblast": _monoblast,
    "Monocyte": _monocyte,
    "Myelocyte": _myelocyte,
    "Myeloblast": _blast,
    "Band Neutrophil": _band,
    "Segmented Neutrophil": _neutrophil,
    "Promyelocyte Bilobed": _promyelocyte_bilobed,
    "Promyelocyte": _promyelocyte,
}
