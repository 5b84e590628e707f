"""The pieces of pre-training: images, prompts, the text encoder out of CLIP, the latents, the schedule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cytobench_phantom.morphology import LABELS
from cytobench_phantom.pretrain.clip import build_clip
from cytobench_phantom.pretrain.pool import CAPTIONS, make_pool
from cytobench_phantom.pretrain.text_encoder import text_encoder_of, tokenize
from cytobench_phantom.pretrain.tokenizer import build_tokenizer
from cytobench_phantom.pretrain.training import TimeLimit
from cytobench_phantom.pretrain.vae import encode, peak_signal_to_noise, train_vae
from cytobench_phantom.pretrain.wording import draw_prompts


def test_pool_is_kept_and_depends_on_its_seed(tmp_path: Path) -> None:
    first = make_pool(tmp_path / "a", 6, seed=1, workers=1)
    again = make_pool(tmp_path / "b", 6, seed=1, workers=1)
    other = make_pool(tmp_path / "b", 6, seed=2, workers=1)
    assert first.images.shape == (6, 64, 64, 3) and first.images.dtype == np.uint8
    assert [len(texts) for texts in first.captions] == [CAPTIONS] * 6
    assert np.array_equal(first.images, again.images) and first.captions == again.captions
    assert not np.array_equal(first.images, other.images)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "a").iterdir()}
    kept = make_pool(tmp_path / "a", 6, seed=1, workers=1)
    assert np.array_equal(first.images, kept.images) and first.captions == kept.captions
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "a").iterdir()} == before


def test_captions_name_no_class(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, 40, seed=3, workers=1)
    text = " ".join(caption for texts in pool.captions for caption in texts)
    for label in LABELS:
        assert label.split()[-1].lower() not in text.replace(" cell", "").split()


def test_prompts_keep_their_shares() -> None:
    generator = torch.Generator().manual_seed(0)
    prompts = draw_prompts([["giant cell"]] * 4000, generator, empty=0.1, named=0.15)
    empty = sum(not prompt for prompt in prompts)
    described = sum("giant cell" in prompt for prompt in prompts)
    assert 330 < empty < 470
    assert 2900 < described < 3100


def test_text_encoder_computes_what_the_clip_tower_does() -> None:
    tokenizer = build_tokenizer(["bean nucleus"])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        clip = build_clip(tokenizer).eval()
        encoder = text_encoder_of(clip, tokenizer).eval()
    tokens = tokenize(["bean nucleus", "a zyx with bean nucleus", ""], tokenizer)
    with torch.no_grad():
        states = encoder(tokens).last_hidden_state
        ends = states[torch.arange(3), tokens.argmax(1)]
        torch.testing.assert_close(ends @ clip.text_projection, clip.encode_text(tokens))


def test_trained_autoencoder_has_latents_of_unit_scale_and_restores_images(tmp_path: Path) -> None:
    images = make_pool(tmp_path, 600, seed=4, workers=1).images
    with torch.random.fork_rng():
        torch.manual_seed(0)
        brief = train_vae(images, seconds=1, seed=0)
        longer = train_vae(images, seconds=8, seed=0)
    latents = encode(longer, images[:512])
    assert latents.shape == (512, 4, 16, 16)
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(4), atol=0.1, rtol=0)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(4), atol=0.1, rtol=0)
    assert peak_signal_to_noise(longer, images[:64]) > peak_signal_to_noise(brief, images[:64])


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_learning_rate_rises_and_falls_within_the_time(share: float) -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([{"params": [parameter], "share": share}], lr=1.0)
    rates = [(used, optimizer.param_groups[0]["lr"]) for _, used in TimeLimit(0.3, optimizer, 2.0)]
    assert all(0 <= used < 1 for used, _ in rates)
    assert rates[0][1] < 0.1 * share
    assert 1.9 * share < max(rate for _, rate in rates) <= 2 * share
    assert rates[-1][1] < 0.1 * share
