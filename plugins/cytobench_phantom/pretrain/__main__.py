"""Train the pocket weights from nothing: ``python -m cytobench_phantom.pretrain --out DIR``.

Renders the images, then trains the autoencoder, the CLIP, the text encoder and the denoiser, which share ``--minutes``
in fixed parts. DIR gets ``sd/`` (a diffusers pipeline) and ``clip/`` (an open_clip folder). The denoiser is written
every tenth of its time, so a run cut short leaves a usable pipeline.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import torch

from cytobench_phantom.captions import vocabulary
from cytobench_phantom.pretrain.clip import save_clip, train_clip
from cytobench_phantom.pretrain.denoiser import orientations, train_denoiser
from cytobench_phantom.pretrain.pipeline import save_pipeline
from cytobench_phantom.pretrain.pool import make_pool
from cytobench_phantom.pretrain.text import train_text_encoder
from cytobench_phantom.pretrain.tokenizer import build_tokenizer
from cytobench_phantom.pretrain.vae import encode, train_vae

SHARES = {"vae": 0.16, "clip": 0.16, "text": 0.04, "denoiser": 0.64}
"""Parts of the time; rendering and encoding come on top."""


def main() -> None:
    """Parse the options and run all stages."""
    parser = argparse.ArgumentParser("python -m cytobench_phantom.pretrain", description="Train the pocket weights.")
    parser.add_argument("--out", type=Path, required=True, help="folder for sd/, clip/ and the rendered images")
    parser.add_argument("--minutes", type=float, default=50.0, help="training time in all (default: 50)")
    parser.add_argument("--images", type=int, default=40_000, help="pre-training images (default: 40000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of images, initial weights and batches (default: 0)")
    parser.add_argument("--compile", action="store_true", help="compile the denoiser; needs a C++ compiler")
    options = parser.parse_args()
    if options.minutes <= 0 or options.images < 2000:
        parser.error("--minutes must be above 0, and --images at least 2000")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(options.seed)
        run(options.out, 60 * options.minutes, options.images, options.seed, options.compile)


def run(out: Path, seconds: float, count: int, seed: int, compiled: bool) -> None:
    """Train on ``count`` images for ``seconds`` and write ``out/sd`` and ``out/clip``."""
    tokenizer = build_tokenizer(vocabulary())
    pool = make_pool(out / "pool", count, seed)
    vae = train_vae(pool.images, SHARES["vae"] * seconds, seed)
    clip = train_clip(pool.images, pool.captions, tokenizer, SHARES["clip"] * seconds, seed)
    save_clip(clip, tokenizer, out / "clip")
    latents = orientations(lambda images: encode(vae, images), torch.from_numpy(pool.images))
    text_encoder = train_text_encoder(pool.captions, tokenizer, SHARES["text"] * seconds, seed)
    unet = train_denoiser(
        latents,
        pool.captions,
        tokenizer,
        text_encoder,
        SHARES["denoiser"] * seconds,
        seed,
        lambda unet: save_pipeline(vae, unet, text_encoder, tokenizer, out / "sd"),
        compiled,
    )
    save_pipeline(vae, unet, text_encoder, tokenizer, out / "sd")


if __name__ == "__main__":
    main()
