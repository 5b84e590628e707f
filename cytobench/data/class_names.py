"""The fifteen classes of the CytoDiff study: their names and their codes in the Munich data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

PromptPart = Literal["generator", "classifier"]
"""One of the two prompts of a class."""
PROMPT_PARTS: tuple[PromptPart, ...] = get_args(PromptPart)

CLASS_NAMES: Mapping[str, str] = {
    "BAS": "Basophil",
    "EBO": "Erythroblast",
    "EOS": "Eosinophil",
    "KSC": "Smudge cell",
    "LYA": "Atypical Lymphocyte",
    "LYT": "Typical Lymphocyte",
    "MMZ": "Metamyelocyte",
    "MOB": "Monoblast",
    "MON": "Monocyte",
    "MYB": "Myelocyte",
    "MYO": "Myeloblast",
    "NGB": "Band Neutrophil",
    "NGS": "Segmented Neutrophil",
    "PMB": "Promyelocyte Bilobed",
    "PMO": "Promyelocyte",
}
"""Class names of the study by their code in the Munich data set."""

CODES: Mapping[str, str] = {name: code for code, name in CLASS_NAMES.items()}
"""Codes by class name."""
OTHER_NAMES: Mapping[str, str] = {**CLASS_NAMES, **CODES}
"""The name by its code, and the code by its name."""
