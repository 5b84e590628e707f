"""The text encoder of the pocket pipeline: the text tower of the pocket CLIP, as in Stable Diffusion."""

from __future__ import annotations

import open_clip
import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

_PARTS = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


def text_encoder_of(model: open_clip.CLIP, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A transformers text model that computes what the text tower of ``model`` does, to its last norm."""
    blocks = model.transformer.resblocks
    length, width = model.positional_embedding.shape
    encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=blocks[0].mlp.c_fc.out_features,
            num_hidden_layers=len(blocks),
            num_attention_heads=blocks[0].attn.num_heads,
            max_position_embeddings=length,
            hidden_act="gelu",
            projection_dim=model.text_projection.shape[1],
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    weights = {
        "embeddings.token_embedding.weight": model.token_embedding.weight,
        "embeddings.position_embedding.weight": model.positional_embedding,
        "final_layer_norm.weight": model.ln_final.weight,
        "final_layer_norm.bias": model.ln_final.bias,
    }
    for number, block in enumerate(blocks):
        source, target = block.state_dict(), f"encoder.layers.{number}."
        for kind in ("weight", "bias"):
            for name, value in zip("qkv", source[f"attn.in_proj_{kind}"].chunk(3), strict=True):
                weights[f"{target}self_attn.{name}_proj.{kind}"] = value
            for old, new in _PARTS.items():
                weights[f"{target}{new}.{kind}"] = source[f"{old}.{kind}"]
    encoder.load_state_dict({name: value.detach().clone() for name, value in weights.items()})
    return encoder


def tokenize(texts: list[str], tokenizer: CLIPTokenizer) -> torch.Tensor:
    """Token numbers, int64 (n, context), padded or cut to the tokenizer's context length."""
    length = tokenizer.model_max_length
    ids: torch.Tensor = tokenizer(
        texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    ).input_ids
    return ids
