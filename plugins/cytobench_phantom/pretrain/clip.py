"""The pocket CLIP: an open_clip model of two small transformers, trained on wild cells and their captions."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from open_clip.transform import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from safetensors.torch import save_file
from torch.nn import functional
from transformers import CLIPTokenizer

from cytobench_phantom.pretrain.tokenizer import tokenize
from cytobench_phantom.pretrain.training import TimeLimit, averaged, descend, flip, mixed_precision, to_pixels
from cytobench_phantom.pretrain.wording import draw_prompts

log = logging.getLogger(__name__)

BATCH = 64
PEAK_RATE = 1e-3
HELD_OUT = 512
"""The last images of the pool, on which no step trains and retrieval is measured."""


def clip_config(vocabulary: int, context: int) -> dict[str, Any]:
    """The ``model_cfg`` of the pocket CLIP, for a tokenizer of that many tokens and that context length."""
    return {
        "embed_dim": 96,
        "vision_cfg": {"image_size": 64, "patch_size": 8, "layers": 5, "width": 96, "head_width": 32},
        "text_cfg": {
            "context_length": context,
            "vocab_size": vocabulary,
            "layers": 2,
            "width": 96,
            "heads": 3,
            "hf_tokenizer_name": "pocket",
        },
    }


def build_clip(tokenizer: CLIPTokenizer) -> open_clip.CLIP:
    """An untrained model for the tokenizer's vocabulary."""
    return open_clip.CLIP(**clip_config(len(tokenizer), tokenizer.model_max_length))


def train_clip(
    images: NDArray[np.uint8], captions: list[list[str]], tokenizer: CLIPTokenizer, seconds: float, seed: int
) -> open_clip.CLIP:
    """Train contrastively for ``seconds`` on images (n, 64, 64, 3) and captions; return averaged weights."""
    generator = torch.Generator().manual_seed(seed)
    data = torch.from_numpy(images)
    model = build_clip(tokenizer)
    average = averaged(model, 0.998)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.05)
    for step, share in TimeLimit(seconds, optimizer, PEAK_RATE):
        chosen = torch.randint(len(data) - HELD_OUT, (BATCH,), generator=generator)
        tokens = tokenize(draw_prompts([captions[i] for i in chosen.tolist()], generator), tokenizer)
        with mixed_precision():
            seen = model.encode_image(flip(_normalise(data[chosen]), generator))
            read = _encode_text(model, tokens)
        loss = _contrastive(seen.float(), read.float(), model.logit_scale.exp())
        descend(loss, model.parameters(), optimizer)
        with torch.no_grad():
            model.logit_scale.clamp_(0, np.log(100))
        average.update_parameters(model)
        if step % 100 == 0:
            log.info("clip step %d, %.0f %% of the time, loss %.4f", step, 100 * share, loss.item())
    trained: open_clip.CLIP = average.module.eval()
    share = retrieval(trained, images[-HELD_OUT:], [texts[0] for texts in captions[-HELD_OUT:]], tokenizer)
    log.info("clip: %d steps, the right one of 64 captions for %.0f %% of images", step + 1, 100 * share)
    return trained


def retrieval(model: open_clip.CLIP, images: NDArray[np.uint8], captions: list[str], tokenizer: CLIPTokenizer) -> float:
    """Share of images whose own caption is the nearest among those of their 64."""
    hits = []
    with torch.no_grad():
        for start in range(0, len(images), 64):
            seen, read, _ = model(
                _normalise(torch.from_numpy(images[start : start + 64])),
                tokenize(captions[start : start + 64], tokenizer),
            )
            hits.append((seen @ read.T).argmax(1) == torch.arange(len(seen)))
    return float(torch.cat(hits).float().mean())


def save_clip(model: open_clip.CLIP, tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write the folder that ``open_clip.create_model("local-dir:FOLDER")`` reads; weights as float16."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model_cfg": clip_config(len(tokenizer), tokenizer.model_max_length),
        "preprocess_cfg": {"mean": OPENAI_DATASET_MEAN, "std": OPENAI_DATASET_STD},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    tokenizer.save_pretrained(folder)


def _encode_text(model: open_clip.CLIP, tokens: torch.Tensor) -> torch.Tensor:
    """What ``model.encode_text`` computes, without the padding; no token sees what comes after it."""
    ends = tokens.argmax(1)
    length = int(ends.max()) + 1
    states = model.token_embedding(tokens[:, :length]) + model.positional_embedding[:length]
    states = model.transformer(states, attn_mask=model.attn_mask[:length, :length])
    read: torch.Tensor = model.ln_final(states)[torch.arange(len(tokens)), ends] @ model.text_projection
    return read


def _contrastive(seen: torch.Tensor, read: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The symmetric cross-entropy of CLIP (Radford et al. 2021) over the cosines of (n, d) and (n, d)."""
    logits = scale * functional.normalize(seen, dim=1) @ functional.normalize(read, dim=1).T
    matches = torch.arange(len(logits))
    return (functional.cross_entropy(logits, matches) + functional.cross_entropy(logits.T, matches)) / 2


def _normalise(images: torch.Tensor) -> torch.Tensor:
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD))
    return (to_pixels(images) / 2 + 0.5 - mean) / deviation
