"""The pocket weights that the package carries: they load offline, they are small, and they take any text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from safetensors import safe_open
from transformers import CLIPTokenizer

import cytobench_phantom
from cytobench_phantom.captions import caption
from cytobench_phantom.morphology import LABELS
from cytobench_phantom.wild import draw_wild

WEIGHTS = Path(cytobench_phantom.__file__).parent / "weights"
SD, CLIP = WEIGHTS / "sd", WEIGHTS / "clip"


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    loaded = StableDiffusionPipeline.from_pretrained(
        SD,
        dtype=torch.float32,
        local_files_only=True,
        use_safetensors=True,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    loaded.set_progress_bar_config(disable=True)
    return loaded


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(SD / "tokenizer", local_files_only=True)


def test_weights_are_small_and_safetensors_only() -> None:
    files = [file for file in WEIGHTS.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".json", ".safetensors"}
    assert sum(file.stat().st_size for file in files) <= 12e6


def test_weights_are_finite_numbers() -> None:
    for file in WEIGHTS.rglob("*.safetensors"):
        with safe_open(file, "pt") as weights:
            assert all(torch.isfinite(weights.get_tensor(name)).all() for name in weights.keys()), file  # noqa: SIM118


def test_pipeline_has_the_classes_of_stable_diffusion(pipeline: StableDiffusionPipeline) -> None:
    parts = (pipeline.vae, pipeline.unet, pipeline.text_encoder, pipeline.tokenizer)
    names = [type(part).__name__ for part in parts]
    assert names == ["AutoencoderKL", "UNet2DConditionModel", "CLIPTextModel", "CLIPTokenizer"]
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    assert (pipeline.unet.config.sample_size * 4, pipeline.vae.config.sample_size) == (64, 64)


def drawn(pipeline: StableDiffusionPipeline, prompt: str) -> NDArray[np.float32]:
    """Eight samples from the same eight seeds, (8, 64, 64, 3) in 0..1."""
    images: NDArray[np.float32] = pipeline(
        [prompt] * 8,
        num_inference_steps=8,
        guidance_scale=2.0,
        generator=[torch.Generator().manual_seed(seed) for seed in range(8)],
        output_type="np",
    ).images
    assert images.shape == (8, 64, 64, 3)
    return images


def test_pipeline_draws_the_size_that_the_prompt_says(pipeline: StableDiffusionPipeline) -> None:
    small, giant = (
        float((drawn(pipeline, f"{size} cell, round nucleus, dense dark blue chromatin").mean(3) < 0.45).mean())
        for size in ("small", "giant")
    )
    assert giant > 2 * small > 0


def test_pipeline_draws_the_granules_and_the_ground_that_the_prompt_says(pipeline: StableDiffusionPipeline) -> None:
    prompt = "large cell, round nucleus, pale pink cytoplasm, {}, {} ground"
    granules = ("many coarse orange granules", "no granules")
    orange, none = (drawn(pipeline, prompt.format(text, "white")) for text in granules)
    cell = np.s_[:, 16:48, 16:48]
    warm, cool = ((image[cell][..., 0] - image[cell][..., 2]).mean() for image in (orange, none))
    assert warm > cool + 0.05
    yellow = drawn(pipeline, prompt.format("no granules", "yellow"))
    corner = np.s_[:, :8, :8]
    assert yellow[corner][..., 2].mean() < none[corner][..., 2].mean() - 0.05


def test_autoencoder_keeps_a_cell(pipeline: StableDiffusionPipeline) -> None:
    from cytobench_phantom.render import render

    rng = np.random.default_rng(5)
    images = np.stack([render(*draw_wild(rng), 64, rng) for _ in range(16)])
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        latents = pipeline.vae.encode(pixels).latent_dist.mean
        error = (pipeline.vae.decode(latents).sample.clamp(-1, 1) - pixels).square().mean() / 4
    assert -10 * torch.log10(error) > 28
    assert pipeline.vae.config.scaling_factor == 1
    assert 0.7 < float(latents.std()) < 1.3


@pytest.mark.parametrize("text", ["", "é 漢字 \N{MICROSCOPE}\n\t", "x" * 5_000, *LABELS])
def test_tokenizer_takes_any_text(tokenizer: CLIPTokenizer, text: str) -> None:
    ids = tokenizer(text, padding="max_length", max_length=77, truncation=True).input_ids
    assert len(ids) == 77 and max(ids) < len(tokenizer)
    # The unknown token is the end token, so an unknown character would end the text early.
    inner = ids[1 : ids.index(tokenizer.eos_token_id)]
    if len(inner) < 75:
        assert tokenizer.decode(inner).split() == text.lower().split()


def test_tokenizer_knows_every_caption_word_as_one_token(tokenizer: CLIPTokenizer) -> None:
    rng = np.random.default_rng(1)
    text = ", ".join(caption(draw_wild(rng)[0], rng) for _ in range(100))
    words = set(text.replace(",", " ").split())
    assert {word: len(tokenizer.tokenize(word)) for word in words} == dict.fromkeys(words, 1)


def test_tokenizer_holds_no_class_name(tokenizer: CLIPTokenizer) -> None:
    whole = {token.removesuffix("</w>") for token in tokenizer.get_vocab()}
    names = {word for label in LABELS for word in label.lower().split()} - {"typical", "segmented", "cell"}
    assert not whole & names


def test_clip_loads_from_its_folder_and_tells_captions_apart() -> None:
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{CLIP}")
    tokenize = open_clip.get_tokenizer(f"local-dir:{CLIP}")
    model.eval()
    from PIL import Image

    from cytobench_phantom.render import render

    rng = np.random.default_rng(2)
    cells = [draw_wild(rng) for _ in range(32)]
    images = torch.stack([preprocess(Image.fromarray(render(*cell, 64, rng))) for cell in cells])
    texts = tokenize([caption(cell, rng) for cell, _ in cells])
    assert texts.shape == (32, 77)
    with torch.no_grad():
        seen, read = model.encode_image(images, normalize=True), model.encode_text(texts, normalize=True)
    ranks = (seen @ read.T).argsort(1, descending=True)
    in_top_five = (ranks[:, :5] == torch.arange(32)[:, None]).any(1)
    # By chance 5 of 32.
    assert float(in_top_five.float().mean()) > 0.4


def test_clip_attention_is_open_clips_own() -> None:
    model = open_clip.create_model(f"local-dir:{CLIP}")
    blocks = [*model.visual.transformer.resblocks, *model.transformer.resblocks]
    assert {type(block.attn) for block in blocks} == {torch.nn.MultiheadAttention}
    config = json.loads((CLIP / "open_clip_config.json").read_text())["model_cfg"]
    assert len(blocks) == config["vision_cfg"]["layers"] + config["text_cfg"]["layers"]
