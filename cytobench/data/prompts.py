"""Prompts of classes: a generator's and a classifier's, for any labels.

Where they come from, first found first taken: declared by the user, brought by the data set, built in for the fifteen
classes of the CytoDiff study (by name or Munich code), or a template from the label. Three generator prompts are the
study's own, printed in its supplement (arXiv 2507.05063); the others are written here in its style. CLIP's text tower
sees 77 tokens, so a classifier's prompt is short where the generator's is long.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cytobench._text import did_you_mean
from cytobench.data.class_names import CLASS_NAMES, PROMPT_PARTS
from cytobench.errors import UserError, option

if TYPE_CHECKING:
    from cytobench._dataset import Dataset

TEMPLATE = (
    "Photorealistic {} in peripheral blood smear, Wright-Giemsa stain, ultra-detailed, medical cytology, sharp focus."
)
_STYLE = "Wright-Giemsa stain, ultra-detailed, medical cytology, 40x magnification, sharp focus."


@dataclass(frozen=True)
class ClassPrompts:
    """The text a generator is tuned and asked with, and the text a classifier compares with."""

    generator: str
    classifier: str


_LOOKS = {
    "Basophil": "lobed nucleus hidden under coarse dark purple granules, pale lilac cytoplasm",
    "Erythroblast": "small round nucleus with dense dark chromatin, grey-pink cytoplasm without granules",
    "Eosinophil": "bilobed nucleus, cytoplasm filled with large round orange-red granules",
    "Smudge cell": "smeared ruptured nucleus with washed-out chromatin, no cell border, no cytoplasm",
    "Atypical Lymphocyte": "large irregular nucleus, abundant pale blue cytoplasm with a deep blue edge",
    "Typical Lymphocyte": "small round nucleus with dense clumped chromatin, thin rim of pale blue cytoplasm",
    "Metamyelocyte": "kidney-shaped nucleus with clumped chromatin, pink cytoplasm with fine granules",
    "Monoblast": "large round to folded nucleus, fine chromatin and nucleoli, grey-blue cytoplasm",
    "Monocyte": "folded bean-shaped nucleus, abundant grey-blue cytoplasm with vacuoles",
    "Myelocyte": "oval eccentric nucleus with coarse chromatin, lilac cytoplasm with fine pink granules",
    "Myeloblast": "large round nucleus with fine chromatin and visible nucleoli, thin blue cytoplasm",
    "Band Neutrophil": "curved horseshoe-shaped nucleus without lobes, pale pink cytoplasm with fine granules",
    "Segmented Neutrophil": "multi-lobed nucleus with thin chromatin strands, pale pink cytoplasm with fine granules",
    "Promyelocyte Bilobed": "two distinct nuclear lobes, cytoplasm filled with azurophilic granules",
    "Promyelocyte": "large round nucleus with visible nucleoli, deep blue cytoplasm with azurophilic granules",
}

_PRINTED = {
    "Promyelocyte": (
        "Photorealistic promyelocyte in peripheral blood smear, large round nucleus with visible nucleoli, deep blue "
        "cytoplasm with prominent azurophilic granules, Wright-Giemsa stain, ultra-detailed, medical cytology, 40x "
        "magnification, sharp focus, high-resolution."
    ),
    "Segmented Neutrophil": (
        "Photorealistic segmented neutrophil cell under microscope, peripheral blood smear, multi-lobed nucleus (3/5 "
        "lobes) with thin chromatin strands, pale pink cytoplasm with fine granules, surrounded by red blood cells, "
        "medical cytology, high detail, clinical pathology, Wright-Giemsa stain, white background, soft lighting, 40x "
        "magnification, scientific illustration style, sharp focus, ultra-detailed, macro lens."
    ),
    "Promyelocyte Bilobed": (
        "Detailed microscopic image of a bilobed promyelocyte, peripheral blood smear, two distinct nuclear lobes, "
        "cytoplasm filled with azurophilic granules, Wright-Giemsa stain, high-resolution, medical cytology, 40x "
        "magnification, sharp focus, realistic texture."
    ),
}


def _built_in(label: str) -> ClassPrompts:
    look = f"Photorealistic {label.lower()} in peripheral blood smear, {_LOOKS[label]}, {_STYLE}"
    short = f"Photorealistic {label.lower()} in peripheral blood smear, {_LOOKS[label]}, Wright-Giemsa stain."
    return ClassPrompts(_PRINTED.get(label, look), short)


BUILT_IN: Mapping[str, ClassPrompts] = {label: _built_in(label) for label in _LOOKS}
"""The prompts of the fifteen classes, by class name."""


def prompts_for(
    dataset: Dataset, declared: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, ClassPrompts], dict[str, str]]:
    """The prompts of every class of a data set, and where each came from.

    ``declared`` maps a label or code to ``generator`` and ``classifier``; either may be absent. Origins are
    ``declared``, ``data set``, ``built in`` or ``template``. Raises UserError for a class the
    data set has not, and for one with two.
    """
    by_label: dict[str, Mapping[str, str]] = {}
    for called, texts_declared in declared.items():
        label = dataset.label_of(called)
        if label in by_label:
            raise UserError(f"prompts are declared twice for the class {label}, once as {called!r}: take one out.")
        by_label[label] = texts_declared
    prompts, origins = {}, {}
    for label in dataset.labels:
        name = label if label in BUILT_IN else CLASS_NAMES.get(label)
        pair = BUILT_IN[name] if name else ClassPrompts(TEMPLATE.format(label), TEMPLATE.format(label))
        texts = {"generator": pair.generator, "classifier": pair.classifier}
        origins[label] = "built in" if name else "template"
        for origin, source in (("data set", dataset.prompts.get(label, {})), ("declared", by_label.get(label, {}))):
            if source:
                texts |= source
                origins[label] = origin
        prompts[label] = ClassPrompts(**texts)
    return prompts, origins


def read_prompts(path: Path) -> dict[str, dict[str, str]]:
    """Read a prompts file: TOML, a table a label with ``generator`` and ``classifier``.

    Raises UserError naming the file and the key.
    """
    argument = option("prompts_file", path)
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{argument} is no TOML file: {error}") from error
    except OSError as error:
        raise UserError(f"{argument}: {error.strerror}") from error
    for label, table in tables.items():
        if not isinstance(table, dict):
            raise UserError(f'{argument}: {label} is no table; write [{label}] and generator = "..." below it.')
        for key, text in table.items():
            if key not in PROMPT_PARTS:
                hint = did_you_mean(key, PROMPT_PARTS)
                raise UserError(f"{argument}: {label}.{key}: only generator and classifier are known.{hint}")
            if not isinstance(text, str) or not text.strip():
                raise UserError(f"{argument}: {label}.{key} must be a text that is not empty.")
    return tables
