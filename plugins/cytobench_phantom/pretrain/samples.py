"""Samples of the pocket pipeline for a few prompts: ``python -m cytobench_phantom.pretrain.samples OUT.png``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

import cytobench_phantom

PROMPTS = (
    "microscopy image of a xqzvut",
    "small cell, round nucleus",
    "giant cell, round nucleus",
    "large cell, nucleus with two lobes, many coarse orange granules",
    "medium cell, fine violet chromatin, grey blue cytoplasm, no granules",
    "large cell, nucleus with four lobes, dense violet chromatin, pale pink cytoplasm, white ground",
    "medium cell, nucleus with two lobes, many coarse black granules, lilac cytoplasm",
    "giant cell, bean nucleus, grey blue cytoplasm, yellow ground",
)
SEEDS, STEPS, GUIDANCE = range(10), 12, 2.0


def samples(folder: Path) -> Image.Image:
    """A row a prompt, a column a seed."""
    pipeline: Any = StableDiffusionPipeline
    pipe = pipeline.from_pretrained(
        folder,
        dtype=torch.float32,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        local_files_only=True,
    )
    pipe.set_progress_bar_config(disable=True)
    rows = [
        pipe(
            [prompt] * len(SEEDS),
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
            output_type="np",
        ).images
        for prompt in PROMPTS
    ]
    page = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    return Image.fromarray((page * 255).round().astype(np.uint8))


def main() -> None:
    """Write the samples of the shipped weights, or of a pipeline's folder, to a PNG file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path, default=Path(cytobench_phantom.__file__).parent / "weights" / "sd")
    options = parser.parse_args()
    samples(options.weights).save(options.out, optimize=True)


if __name__ == "__main__":
    main()
