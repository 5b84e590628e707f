"""A cell's attributes in words: what the pocket pipeline is pre-trained on. No class is ever named."""

from __future__ import annotations

import numpy as np

from cytobench_phantom.cell import Cell, Colour, Smear

NUCLEUS = {
    "round": "round nucleus",
    "oval": "oval nucleus",
    "indented": "dented nucleus",
    "kidney": "bean nucleus",
    "folded": "folded nucleus",
    "band": "horseshoe nucleus",
    "bilobed": "nucleus with two lobes",
    "smeared": "smeared nucleus",
}
LOBES = {2: "two", 3: "three", 4: "four", 5: "five"}
GRANULES = {"pink": "fine pink", "azurophilic": "purple", "orange": "coarse orange", "dark": "coarse black"}
CYTOPLASM: dict[str, Colour] = {
    "clear": (0.96, 0.93, 0.96),
    "pale pink": (0.94, 0.84, 0.91),
    "pink": (0.90, 0.70, 0.82),
    "orange": (0.90, 0.66, 0.62),
    "grey pink": (0.78, 0.67, 0.74),
    "lilac": (0.80, 0.68, 0.88),
    "grey blue": (0.70, 0.69, 0.82),
    "pale blue": (0.80, 0.85, 0.95),
    "deep blue": (0.50, 0.52, 0.80),
}
"""Named cytoplasm colours; a caption uses the nearest in optical density."""


def phrases(cell: Cell) -> list[str]:
    """Every attribute phrase that is true of a cell, the most telling first."""
    shape = (
        f"nucleus with {LOBES[cell.lobes]} lobes" if cell.nucleus == "segmented" else NUCLEUS[cell.nucleus]
    )
    size = ("small", "medium", "large", "giant")[int(np.searchsorted((9.5, 12.5, 15.5), cell.size))]
    attributes = [f"{size} cell", shape, _chromatin(cell)]
    if cell.smudged:
        return [*attributes, "burst cell", "no border", "no cytoplasm"]
    amount = ("abundant", "moderate", "scant")[int(np.searchsorted((0.42, 0.66), cell.nucleus_share))]
    attributes += [f"{_nearest(cell.cytoplasm_colour)} cytoplasm", _granules(cell), f"{amount} cytoplasm"]
    attributes.append("nucleoli" if cell.nucleoli else "no nucleoli")
    if cell.rim > 0.4:
        attributes.append("dark blue edge")
    if cell.halo > 0.4:
        attributes.append("pale zone beside nucleus")
    if cell.vacuoles:
        attributes.append("many vacuoles" if cell.vacuoles > 4 else "few vacuoles")
    attributes.append("ragged outline" if cell.roughness > 0.5 else "smooth outline")
    if cell.elongation > 1.25:
        attributes.append("stretched cell")
    return attributes


def surroundings(smear: Smear) -> list[str]:
    """Phrases true of what lies around a cell: magnification, ground, red cells, focus."""
    red, green, blue = smear.ground
    yellow = red - blue
    pink = red - green - 0.3 * yellow
    hue = "yellow" if yellow > 0.12 else "pink" if pink > 0.05 else "grey" if red < 0.92 else "white"
    view = ("near", "middle", "far")[int(np.searchsorted((23.0, 28.0), smear.field))]
    discs = ("few", "some", "many")[int(np.searchsorted((0.2, 0.5), smear.red_cells))]
    return [f"{view} view", f"{hue} ground", f"{discs} discs", *(["unsharp"] if smear.blur > 0.2 else [])]


def caption(cell: Cell, rng: np.random.Generator, smear: Smear | None = None) -> str:
    """Some phrases of a cell, and of the smear where one is given, in random order, three at least, joined by commas.

    Telling phrases (size, nucleus, chromatin, cytoplasm, granules) are kept more often than the rest.
    """
    every = phrases(cell) + (surroundings(smear) if smear else [])
    chance = np.where(np.arange(len(every)) < 5, 0.85, 0.4)
    chosen = np.flatnonzero(rng.random(len(every)) < chance)
    if len(chosen) < 3:
        chosen = rng.choice(len(every), 3, replace=False)
    return ", ".join(every[k] for k in rng.permutation(chosen))


def vocabulary() -> list[str]:
    """All words that captions can use, sorted."""
    texts = [
        *NUCLEUS.values(),
        *LOBES.values(),
        *GRANULES.values(),
        *CYTOPLASM,
        *_DEPTH,
        *_HUE,
        *_TEXTURE,
        _OTHER,
    ]
    return sorted({word for text in texts for word in text.split()})


_DEPTH = ("pale", "", "dark")
_HUE = ("red", "violet", "blue")
_TEXTURE = ("fine", "mottled", "dense")
_OTHER = (
    "small medium large giant cell lobes chromatin burst no border cytoplasm abundant moderate scant "
    "nucleoli edge zone beside many few vacuoles granules ragged smooth outline stretched "
    "near middle far view white yellow pink grey ground some discs unsharp"
)


def _chromatin(cell: Cell) -> str:
    red, green, blue = (-float(np.log(channel)) for channel in cell.nucleus_colour)
    depth = _DEPTH[int(np.searchsorted((0.95, 1.35), (red + green + blue) / 3))]
    hue = _HUE[int(np.searchsorted((0.50, 0.78), red / green))]
    texture = _TEXTURE[int(np.searchsorted((0.35, 0.68), cell.clumping))]
    return " ".join(word for word in (texture, depth, hue, "chromatin") if word)


def _granules(cell: Cell) -> str:
    if cell.granules == "none" or cell.granule_density <= 0:
        return "no granules"
    return f"{'many' if cell.granule_density > 0.4 else 'few'} {GRANULES[cell.granules]} granules"


def _nearest(colour: Colour) -> str:
    log_colour = np.log(colour)
    return min(CYTOPLASM, key=lambda name: float(np.sum((np.log(CYTOPLASM[name]) - log_colour) ** 2)))
