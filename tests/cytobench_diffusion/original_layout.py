"""Write the tiny pipeline as one file in the original layout: the inverse of diffusers' conversion."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

_UNET = {
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "conv_in.": "input_blocks.0.0.",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
    "down_blocks.0.resnets.0.": "input_blocks.1.0.",
    "down_blocks.0.downsamplers.0.conv.": "input_blocks.2.0.op.",
    "down_blocks.1.resnets.0.": "input_blocks.3.0.",
    "down_blocks.1.attentions.0.": "input_blocks.3.1.",
    "mid_block.resnets.0.": "middle_block.0.",
    "mid_block.attentions.0.": "middle_block.1.",
    "mid_block.resnets.1.": "middle_block.2.",
    "up_blocks.0.resnets.0.": "output_blocks.0.0.",
    "up_blocks.0.attentions.0.": "output_blocks.0.1.",
    "up_blocks.0.resnets.1.": "output_blocks.1.0.",
    "up_blocks.0.attentions.1.": "output_blocks.1.1.",
    "up_blocks.0.upsamplers.0.": "output_blocks.1.2.",
    "up_blocks.1.resnets.0.": "output_blocks.2.0.",
    "up_blocks.1.resnets.1.": "output_blocks.3.0.",
}
_UNET_RESNET = {
    "norm1.": "in_layers.0.",
    "conv1.": "in_layers.2.",
    "time_emb_proj.": "emb_layers.1.",
    "norm2.": "out_layers.0.",
    "conv2.": "out_layers.3.",
    "conv_shortcut.": "skip_connection.",
}
_VAE = {
    r"\.conv_norm_out\.": ".norm_out.",
    r"\.mid_block\.resnets\.0\.": ".mid.block_1.",
    r"\.mid_block\.resnets\.1\.": ".mid.block_2.",
    r"\.mid_block\.attentions\.0\.": ".mid.attn_1.",
    r"\.down_blocks\.(\d)\.resnets\.(\d)\.": r".down.\1.block.\2.",
    r"\.down_blocks\.(\d)\.downsamplers\.0\.": r".down.\1.downsample.",
    r"\.up_blocks\.0\.resnets\.(\d)\.": r".up.1.block.\1.",
    r"\.up_blocks\.1\.resnets\.(\d)\.": r".up.0.block.\1.",
    r"\.up_blocks\.0\.upsamplers\.0\.": ".up.1.upsample.",
    r"\.conv_shortcut\.": ".nin_shortcut.",
    r"\.group_norm\.": ".norm.",
    r"\.to_([qkv])\.": r".\1.",
    r"\.to_out\.0\.": ".proj_out.",
}


def save_original(pipe: StableDiffusionPipeline, path: Path) -> None:
    """Write UNet, VAE and text encoder under their original names."""
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in pipe.unet.state_dict().items():
        tensors[f"model.diffusion_model.{_unet_name(name)}"] = tensor
    for name, tensor in pipe.vae.state_dict().items():
        is_attention = ".attentions." in name and name.endswith(".weight") and tensor.ndim == 2
        tensors[f"first_stage_model.{_vae_name(name)}"] = tensor[:, :, None, None] if is_attention else tensor
    for name, tensor in pipe.text_encoder.state_dict().items():
        inner = name.removeprefix("text_model.")
        tensors[f"cond_stage_model.transformer.text_model.{inner}"] = tensor
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)


def _unet_name(name: str) -> str:
    for new, old in _UNET.items():
        if name.startswith(new):
            rest = name.removeprefix(new)
            if ".resnets." in new:
                for layer, original in _UNET_RESNET.items():
                    rest = rest.replace(layer, original)
            return old + rest
    raise KeyError(name)


def _vae_name(name: str) -> str:
    for new, old in _VAE.items():
        name = re.sub(new, old, name)
    return name
