"""Stable Diffusion from one ``.safetensors`` file in the original layout, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline


def load_single_file(path: Path, dtype: torch.dtype) -> Any:
    """Load a single file; its configuration is the folder it lies in."""
    return StableDiffusionPipeline.from_single_file(
        str(path),
        config=str(path.parent),
        dtype=dtype,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        local_files_only=True,
    )
