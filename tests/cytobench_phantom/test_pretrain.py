"""The pieces of pre-training: images, prompts, tokens, the latents, the learning rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from cytobench_phantom.morphology import LABELS
from cytobench_phantom.pretrain.pool import CAPTIONS, make_pool
from cytobench_phantom.pretrain.tokenizer import build_tokenizer, tokenize
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


def test_words_are_single_tokens_and_others_are_cut_into_pieces() -> None:
    tokenizer = build_tokenizer(["bean nucleus, grey-blue"])
    assert tokenizer.tokenize("Bean nucleus") == ["bean</w>", "nucleus</w>"]
    assert len(tokenizer.tokenize("xyzzy")) > 1
    tokens = tokenize(["bean nucleus", "xyzzy " * 100, ""], tokenizer)
    assert tokens.shape == (3, 77)
    assert (tokens.max(1).values == tokenizer.eos_token_id).all()


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


def test_learning_rate_rises_and_falls_within_the_time() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    rates = [(used, optimizer.param_groups[0]["lr"]) for _, used in TimeLimit(0.3, optimizer, 2.0)]
    assert all(0 <= used < 1 for used, _ in rates)
    assert rates[0][1] < 0.1
    assert 1.9 < max(rate for _, rate in rates) <= 2
    assert rates[-1][1] < 0.1
