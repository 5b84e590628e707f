"""The fifteen classes: names, codes, counts, descriptions, and the draw of one cell or one smear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from cytobench_phantom import granulocytes, mononuclear
from cytobench_phantom.cell import Cell, Colour, Smear

CODES = {
    "Basophil": "BAS",
    "Erythroblast": "EBO",
    "Eosinophil": "EOS",
    "Smudge cell": "KSC",
    "Atypical Lymphocyte": "LYA",
    "Typical Lymphocyte": "LYT",
    "Metamyelocyte": "MMZ",
    "Monoblast": "MOB",
    "Monocyte": "MON",
    "Myelocyte": "MYB",
    "Myeloblast": "MYO",
    "Band Neutrophil": "NGB",
    "Segmented Neutrophil": "NGS",
    "Promyelocyte Bilobed": "PMB",
    "Promyelocyte": "PMO",
}
"""Class names in the order of the CytoDiff study, each with its code in the Munich data set."""

LABELS = tuple(CODES)

COUNTS = {
    "Basophil": 34,
    "Erythroblast": 33,
    "Eosinophil": 56,
    "Smudge cell": 15,
    "Atypical Lymphocyte": 11,
    "Typical Lymphocyte": 125,
    "Metamyelocyte": 15,
    "Monoblast": 22,
    "Monocyte": 90,
    "Myelocyte": 27,
    "Myeloblast": 115,
    "Band Neutrophil": 38,
    "Segmented Neutrophil": 170,
    "Promyelocyte Bilobed": 18,
    "Promyelocyte": 32,
}
"""Images a class: the order of the Munich data set's counts (8,484 to 11) squeezed to 801 images in all."""

DESCRIPTIONS = {
    "Basophil": "medium cell, nucleus with two lobes, many coarse black granules, lilac cytoplasm",
    "Erythroblast": "medium cell, round nucleus, dense dark violet chromatin, grey pink cytoplasm",
    "Eosinophil": "large cell, nucleus with two lobes, dense violet chromatin, many coarse orange granules",
    "Smudge cell": "burst cell, smeared nucleus, mottled pale violet chromatin, no border, no cytoplasm",
    "Atypical Lymphocyte": "large cell, folded nucleus, pale blue cytoplasm, dark blue edge, ragged outline",
    "Typical Lymphocyte": "small cell, round nucleus, dense violet chromatin, scant cytoplasm, no granules",
    "Metamyelocyte": "large cell, dented nucleus, pale pink cytoplasm, many fine pink granules",
    "Monoblast": "giant cell, folded nucleus, fine pale violet chromatin, nucleoli, grey blue cytoplasm",
    "Monocyte": "giant cell, bean nucleus, grey blue cytoplasm, few fine pink granules, few vacuoles",
    "Myelocyte": "large cell, oval nucleus, lilac cytoplasm, many fine pink granules, moderate cytoplasm",
    "Myeloblast": "large cell, round nucleus, fine pale violet chromatin, nucleoli, scant cytoplasm",
    "Band Neutrophil": "large cell, horseshoe nucleus, dense violet chromatin, many fine pink granules",
    "Segmented Neutrophil": (
        "large cell, nucleus with three lobes, dense violet chromatin, many fine pink granules, "
        "pale pink cytoplasm"
    ),
    "Promyelocyte Bilobed": (
        "giant cell, nucleus with two lobes, fine pale violet chromatin, many purple granules, "
        "grey blue cytoplasm"
    ),
    "Promyelocyte": (
        "giant cell, round nucleus, fine pale violet chromatin, nucleoli, many purple granules, "
        "grey blue cytoplasm"
    ),
}
"""What a typical cell of each class looks like, in the phrases of `captions`; no class is named."""

_RECIPES: dict[str, Callable[[np.random.Generator], Cell]] = {
    "Basophil": granulocytes.basophil,
    "Erythroblast": mononuclear.erythroblast,
    "Eosinophil": granulocytes.eosinophil,
    "Smudge cell": mononuclear.smudge,
    "Atypical Lymphocyte": mononuclear.atypical_lymphocyte,
    "Typical Lymphocyte": mononuclear.typical_lymphocyte,
    "Metamyelocyte": granulocytes.metamyelocyte,
    "Monoblast": mononuclear.monoblast,
    "Monocyte": mononuclear.monocyte,
    "Myelocyte": granulocytes.myelocyte,
    "Myeloblast": mononuclear.myeloblast,
    "Band Neutrophil": granulocytes.band,
    "Segmented Neutrophil": granulocytes.neutrophil,
    "Promyelocyte Bilobed": granulocytes.promyelocyte_bilobed,
    "Promyelocyte": granulocytes.promyelocyte,
}


def draw_cell(label: str, rng: np.random.Generator) -> Cell:
    """One cell of a class. Raises `KeyError` naming the label if it is none of `LABELS`."""
    if label not in _RECIPES:
        raise KeyError(f"phantom has no class {label!r}; its classes are {', '.join(LABELS)}")
    cell = _RECIPES[label](rng)
    return replace(
        cell,
        nucleus_colour=_vary(cell.nucleus_colour, rng),
        cytoplasm_colour=_vary(cell.cytoplasm_colour, rng),
        granule_colour=_vary(cell.granule_colour, rng),
    )


def draw_smear(rng: np.random.Generator) -> Smear:
    """The phantom's own look: lavender-white ground, greyish pink red cells, slight changes of stain."""
    light = rng.uniform(0.92, 0.985)
    red_light = rng.uniform(0.97, 1.05)
    stain = np.clip(rng.normal(1.0, 0.09) * rng.normal(1.0, 0.035, 3), 0.75, 1.3).tolist()
    return Smear(
        field=float(rng.normal(25.0, 0.7)),
        ground=(light, light * float(rng.uniform(0.96, 0.99)), light * float(rng.uniform(0.985, 1.0))),
        stain=(stain[0], stain[1], stain[2]),
        blur=float(0.07 + rng.exponential(0.04) if rng.random() < 0.94 else rng.uniform(0.3, 0.5)),
        red_cells=float(rng.uniform(0.35, 0.8)),
        red_colour=(0.82 * red_light, 0.73 * red_light, 0.765 * red_light),
        red_size=float(rng.normal(6.8, 0.3)),
        pallor=float(rng.uniform(0.55, 1.0)),
        red_overlap=float(rng.uniform(0.0, 0.35)),
        platelets=int(rng.poisson(0.5)),
        noise=float(rng.uniform(0.004, 0.01)),
        vignette=float(rng.uniform(0.0, 0.06)),
        gradient=(float(rng.normal(0, 0.012)), float(rng.normal(0, 0.012)), float(rng.normal(0, 0.01))),
    )


def _vary(colour: Colour, rng: np.random.Generator) -> Colour:
    red, green, blue = np.clip(
        np.asarray(colour) ** (rng.normal(1, 0.08) * rng.normal(1, 0.04, 3)), 0.03, 0.99
    ).tolist()
    return red, green, blue
