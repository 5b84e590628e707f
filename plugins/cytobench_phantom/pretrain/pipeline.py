"""Writing the trained parts as one Stable Diffusion pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTokenizer

from cytobench_phantom.pretrain.denoiser import Unet, build_scheduler
from cytobench_phantom.pretrain.vae import Vae

SCHEDULE = (
    *("beta_start", "beta_end", "beta_schedule", "rescale_betas_zero_snr"),
    *("prediction_type", "timestep_spacing"),
)
"""What the sampler's schedule shares with that of the training."""


def save_pipeline(
    vae: Vae,
    unet: Unet,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    folder: Path,
) -> None:
    """Write the folder that ``StableDiffusionPipeline.from_pretrained`` reads, weights as float16.

    The configurations still say float32, in which the weights are to be computed with on a CPU.
    """
    schedule = {name: build_scheduler().config[name] for name in SCHEDULE}
    new_scheduler: Any = DPMSolverMultistepScheduler
    new_pipeline: Any = StableDiffusionPipeline
    scheduler = new_scheduler(**schedule, steps_offset=1)
    new_pipeline(
        vae=vae,
        unet=unet,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    for file in folder.rglob("*.safetensors"):
        weights = {name: value.half().contiguous() for name, value in load_file(file).items()}
        save_file(weights, file, metadata={"format": "pt"})
