"""A CLIP tokenizer with a small vocabulary of its own that still accepts any text.

The vocabulary holds all 256 bytes, each also as the last byte of a word, and the words given, each as one
token. Any other word falls apart into known pieces, at worst into bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

CONTEXT = 77
"""Tokens per text, the two special tokens included; as in Stable Diffusion and CLIP."""

_END = "</w>"
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")

_STYLE = """
    a an and around as at background blood blurred bright by cell cells clinical cytology dark deep detail
    detailed field fine focus from giemsa high illustration image in lens light lighting lobes macro
    magnification medical microscope microscopic microscopy no nuclear of on out pathology peripheral photo
    photograph photorealistic prominent realistic red resolution scientific sharp showing single smear soft
    stain stained strands style surrounded texture the thin to two ultra under visible white with without
    wright x
"""
STYLE_WORDS = tuple(_STYLE.split())
"""Words of style in which prompts are written; none of them belongs to a class."""


def _merges(words: Iterable[str]) -> Any:
    """Byte-pair merges in order of rank that turn every one of ``words`` into one token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner = Tokenizer(models.BPE(end_of_word_suffix=_END))
    learner.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=100_000,
        min_frequency=1,
        initial_alphabet=alphabet,
        end_of_word_suffix=_END,
        show_progress=False,
    )
    learner.train_from_iterator(sorted(set(words)), trainer)
    return [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]


def build_tokenizer(words: Iterable[str]) -> CLIPTokenizer:
    """Build the tokenizer.

    Args:
        words: texts whose single words shall be one token each; split at anything that is no letter.
    """
    single = {part for text in words for part in _letters(text)} | set(STYLE_WORDS)
    merges = _merges(single)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, *(char + _END for char in alphabet)]
    tokens += [first + second for first, second in merges]
    # The end token has the highest number: open_clip finds the end of a text by its largest token.
    tokens = [*dict.fromkeys(tokens), *_SPECIAL]
    return CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=merges,
        model_max_length=CONTEXT,
    )


def tokenize(texts: list[str], tokenizer: CLIPTokenizer) -> torch.Tensor:
    """Token numbers, int64 (n, context), padded or cut to the tokenizer's context length."""
    length = tokenizer.model_max_length
    ids: torch.Tensor = tokenizer(
        texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    ).input_ids
    return ids


def _letters(text: str) -> list[str]:
    return "".join(char if char.isalpha() and char.isascii() else " " for char in text.lower()).split()
