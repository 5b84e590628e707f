"""CLIP's tokens, counted with the vocabulary that open_clip carries; needs no download and loads no model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

CONTEXT = 77
"""Tokens that CLIP's text tower sees, the start and the end token among them."""


@cache
def _tokenizer() -> Any:
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()


def count_tokens(texts: Sequence[str]) -> list[int]:
    """The number of tokens of each text, the start and the end token among them."""
    return [len(_tokenizer().encode(text)) + 2 for text in texts]


def cut_off(text: str) -> str:
    """The end of a text that CLIP does not see, as its tokenizer writes it (lower case); empty if none."""
    unseen = _tokenizer().encode(text)[CONTEXT - 2 :]
    return str(_tokenizer().decode(unseen)).strip() if unseen else ""
