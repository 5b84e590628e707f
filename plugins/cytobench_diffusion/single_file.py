"""Stable Diffusion from one ``.safetensors`` file in the original layout, without a network.

Such a file holds tensors alone. Configuration and tokenizer come from the folder it lies in where that has a
``model_index.json``, as in the repositories that publish such files; otherwise they are those of Stable
Diffusion 2.1 base, and the file must have its shapes.
"""

from __future__ import annotations

import gzip
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from safetensors import safe_open
from transformers import CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from cytobench_diffusion.files import is_bare

SD21_BASE = Path(__file__).parent / "sd21_base"
_CROSS_ATTENTION = "model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"
_SD2_SHAPE = [320, 1024]


def load_single_file(path: Path, dtype: torch.dtype, prediction_type: str | None) -> Any:
    """Load a ``StableDiffusionPipeline``; ValueError where it has no configuration.

    ``prediction_type`` is what the UNet predicts where no configuration says it; None leaves the scheduler as it is.
    """
    options: dict[str, Any] = {"config": str(path.parent)}
    if is_bare(path):
        _require_sd2(path)
        options = {"config": str(SD21_BASE), "tokenizer": clip_tokenizer()}
    pipe: Any = StableDiffusionPipeline.from_single_file(
        str(path),
        dtype=dtype,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        local_files_only=True,
        **options,
    )
    if prediction_type is not None:
        pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config, prediction_type=prediction_type)
    return pipe


def clip_tokenizer() -> CLIPTokenizer:
    """The tokenizer of Stable Diffusion 2, from the vocabulary of CLIP that open_clip carries."""
    packed = files("open_clip").joinpath("bpe_simple_vocab_16e6.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode("utf-8").split("\n")
    # After a title come the merges; CLIP takes as many as make 49,408 tokens with 512 bytes and two marks.
    merges: Any = [tuple(line.split()) for line in lines[1 : 49_408 - 512 - 2 + 1]]
    alphabet: Any = bytes_to_unicode
    letters = list(alphabet().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token="!", model_max_length=77)


def _require_sd2(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        names = set(file.keys())
        shape = file.get_slice(_CROSS_ATTENTION).get_shape() if _CROSS_ATTENTION in names else None
    if shape != _SD2_SHAPE:
        raise ValueError(
            f"it has not the shapes of Stable Diffusion 2 in the original layout, and no model_index.json "
            f"lies beside it ({path.parent}) to tell its configuration"
        )
