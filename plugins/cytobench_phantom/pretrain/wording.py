"""How a caption is put into a prompt in pre-training: styles, empty prompts, and names that mean nothing."""

from __future__ import annotations

import string
from collections.abc import Sequence

import torch

STYLES = (
    "{}",
    "{}",
    "microscopy image of a {}",
    "photorealistic cell under microscope, peripheral blood smear, {}, high detail, clinical pathology",
    "photorealistic {} in peripheral blood smear, wright giemsa stain, sharp focus",
    "detailed microscopic image, {}, high resolution, medical cytology",
)


def draw_prompts(
    captions: Sequence[Sequence[str]], generator: torch.Generator, empty: float = 0.0, named: float = 0.0
) -> list[str]:
    """One prompt for each image, from its captions.

    Args:
        captions: the texts that are true of each image.
        empty: share of prompts left empty, from which guidance learns what no prompt means.
        named: share in which random letters stand for the caption, so that a name never seen means some cell; in as
            many again they stand before it, as a class's name does in a prompt that also describes the class.
    """
    return [_draw(texts, generator, empty, named) for texts in captions]


def _draw(texts: Sequence[str], generator: torch.Generator, empty: float, named: float) -> str:
    kind = float(torch.rand(1, generator=generator))
    if kind < empty:
        return ""
    text = texts[_below(len(texts), generator)]
    if kind < empty + 2 * named:
        letters = torch.randint(26, (_below(10, generator) + 3,), generator=generator).tolist()
        name = "".join(string.ascii_lowercase[letter] for letter in letters)
        text = name if kind < empty + named else f"{name}, {text}"
    return STYLES[_below(len(STYLES), generator)].format(text)


def _below(limit: int, generator: torch.Generator) -> int:
    return int(torch.randint(limit, (1,), generator=generator))
