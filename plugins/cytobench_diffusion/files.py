"""Which files of a Stable Diffusion pipeline its loader reads; importing this imports no torch.

A test watches the loader open its files and holds it against this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

INDEX = "model_index.json"
_DIFFUSERS, _TRANSFORMERS = "diffusion_pytorch_model", "model"

# What a Hub id is asked for. The names are exact: a repository often holds half-precision and pickled copies as well.
WEIGHT_FILES = tuple(
    f"{part}/{name}{shard}.safetensors"
    for part, name in (("unet", _DIFFUSERS), ("vae", _DIFFUSERS), ("text_encoder", _TRANSFORMERS))
    for shard in ("", "-*-of-*")
)
_TOKENIZER = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja")
_VOCABULARY = ("vocab.json", "merges.txt")
_SETTINGS = (
    INDEX,
    "scheduler/scheduler_config.json",
    "unet/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    *(f"tokenizer/{name}" for name in _TOKENIZER),
)
SETTING_FILES = (
    *_SETTINGS,
    "tokenizer/tokenizer.json",
    *(f"tokenizer/{name}" for name in _VOCABULARY),
    f"unet/{_DIFFUSERS}.safetensors.index.json",
    f"vae/{_DIFFUSERS}.safetensors.index.json",
    f"text_encoder/{_TRANSFORMERS}.safetensors.index.json",
)


def is_bare(path: Path) -> bool:
    """Whether it is one file with no configuration beside it."""
    return path.is_file() and not (path.parent / INDEX).is_file()


def files_read(path: Path) -> Iterator[str]:
    """The files that loading a pipeline from ``path`` reads, relative to the folder.

    Beside a single file those of its configuration, where the folder that it lies in has a ``model_index.json``; the
    package's own are read where it has none.
    """
    if not path.is_file():
        yield from (f"unet/{name}" for name in _weights(path / "unet", _DIFFUSERS, index_first=True))
        yield from (f"vae/{name}" for name in _weights(path / "vae", _DIFFUSERS, index_first=True))
        # transformers looks for the whole file first, diffusers for the index of the parts.
        yield from (f"text_encoder/{name}" for name in _weights(path / "text_encoder", _TRANSFORMERS, False))
        yield from _settings(path)
    elif not is_bare(path):
        yield from _settings(path.parent)


def _settings(folder: Path) -> Iterator[str]:
    whole = "tokenizer/tokenizer.json"
    vocabulary = (whole,) if (folder / whole).is_file() else tuple(f"tokenizer/{name}" for name in _VOCABULARY)
    yield from (name for name in (*_SETTINGS, *vocabulary) if (folder / name).is_file())


def _weights(folder: Path, name: str, index_first: bool) -> tuple[str, ...]:
    """The file of a model's weights, or the index of its parts with the parts."""
    whole, index = f"{name}.safetensors", f"{name}.safetensors.index.json"
    if not (folder / index).is_file() or (not index_first and (folder / whole).is_file()):
        return (whole,) if (folder / whole).is_file() else ()
    try:
        parts = set(json.loads((folder / index).read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        return (index,)  # the loader refuses it
    return (index, *sorted(part for part in parts if isinstance(part, str) and (folder / part).is_file()))
