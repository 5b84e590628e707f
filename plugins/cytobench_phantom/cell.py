"""What a white cell and the smear around it look like, as plain values; nothing here draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Colour = tuple[float, float, float]
"""Light let through in red, green and blue on a clear ground, each above 0 and up to 1."""

NucleusShape = Literal[
    "round", "oval", "indented", "kidney", "folded", "band", "bilobed", "segmented", "smeared"
]
Granules = Literal["none", "pink", "azurophilic", "orange", "dark"]


@dataclass(frozen=True)
class Cell:
    """One white blood cell. Lengths are micrometres; everything called a share lies in 0..1."""

    size: float  # diameter
    nucleus: NucleusShape
    nucleus_share: float  # nucleus area over cell area
    nucleus_colour: Colour
    cytoplasm_colour: Colour
    lobes: int = 1  # of a segmented nucleus
    indentation: float = 0.5  # share: how deep an indented, kidney, folded or band nucleus is bent
    offset: float = 0.3  # share: 0 a central nucleus, 1 one that touches the border
    clumping: float = 0.5  # share: 0 fine even chromatin, 1 coarse dense clumps
    nucleoli: int = 0
    rim: float = 0.0  # share: how much bluer and darker the cytoplasm is towards the border
    halo: float = 0.0  # share: pale zone beside the nucleus
    granules: Granules = "none"
    granule_density: float = 0.0  # share of the most that the kind allows
    granule_size: float = 0.3  # radius
    granule_colour: Colour = (0.7, 0.5, 0.7)
    vacuoles: int = 0
    elongation: float = 1.05  # long axis over short axis
    roughness: float = 0.2  # share: irregularity of the outline
    smudged: bool = False  # no cytoplasm and no border: a burst nucleus


@dataclass(frozen=True)
class Smear:
    """Everything in the picture that is not the white cell. Lengths are micrometres."""

    field: float = 25.0  # width of the picture: the magnification
    ground: Colour = (0.96, 0.94, 0.96)
    stain: Colour = (1.0, 1.0, 1.0)  # factor on the optical density of the white cell in red, green and blue
    blur: float = 0.12  # standard deviation of the focus blur
    red_cells: float = 0.45  # share of the ground they would cover without overlap
    red_colour: Colour = (0.84, 0.74, 0.78)
    red_size: float = 7.2  # diameter
    pallor: float = 0.6  # share: how pale the middle of a red cell is
    red_overlap: float = 0.2  # share: how far red cells may lie over each other
    platelets: int = 0
    noise: float = 0.01  # standard deviation of the camera's noise, of full scale
    vignette: float = 0.05  # share of light lost in the corners
    gradient: Colour = (
        0.0,
        0.0,
        0.0,
    )  # light gained to the right, to the bottom, and the warmth of that side
