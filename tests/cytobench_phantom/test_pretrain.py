"""The pieces of pre-training: images, prompts, tokens, the latents, the learning rate."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

from cytobench_phantom.morphology import LABELS
from cytobench_phantom.pretrain import denoiser, text, vae
from cytobench_phantom.pretrain.denoiser import train_denoiser
from cytobench_phantom.pretrain.pool import CAPTIONS, make_pool
from cytobench_phantom.pretrain.text import build_text_encoder, train_text_encoder
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
    third = make_pool(tmp_path / "a", 6, seed=1, workers=1)
    assert np.array_equal(first.images, third.images) and first.captions == third.captions
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
    named = sum(re.search("(?<!smear)(?<!image), giant cell", prompt) is not None for prompt in prompts)
    assert 330 < empty < 470
    assert 2900 < described < 3100
    assert 520 < named < 680


def test_words_are_single_tokens_and_others_are_cut_into_pieces() -> None:
    tokenizer = build_tokenizer(["bean nucleus, grey-blue"])
    assert tokenizer.tokenize("Bean nucleus") == ["bean</w>", "nucleus</w>"]
    assert len(tokenizer.tokenize("xyzzy")) > 1
    tokens = tokenize(["bean nucleus", "xyzzy " * 100, ""], tokenizer)
    assert tokens.shape == (3, 77)
    assert (tokens.max(1).values == tokenizer.eos_token_id).all()


def ticking() -> Callable[[], float]:
    """A clock on which each reading takes a second, so that a training has as many steps as it is given seconds."""
    return map(float, count()).__next__


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds given to a training are its steps."""
    for module in (denoiser, text, vae):
        monkeypatch.setattr(module, "TimeLimit", lambda *arguments: TimeLimit(*arguments, ticking()))


def test_trained_autoencoder_has_latents_of_unit_scale_and_restores_images(tmp_path: Path, steps: None) -> None:
    images = make_pool(tmp_path, 600, seed=4, workers=1).images
    with torch.random.fork_rng():
        torch.manual_seed(0)
        brief = train_vae(images, seconds=5, seed=0)
        longer = train_vae(images, seconds=40, seed=0)
    latents = encode(longer, images[:512])
    assert latents.shape == (512, 8, 16, 16)
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(8), atol=0.1, rtol=0)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(8), atol=0.1, rtol=0)
    assert peak_signal_to_noise(longer, images[:64]) > peak_signal_to_noise(brief, images[:64])


def test_text_encoder_codes_the_phrases_of_its_text(steps: None) -> None:
    """From the last state alone, which is that of padding, a linear reading tells the phrases apart."""
    words = ("giant cell", "small cell", "bean nucleus", "round nucleus")
    tokenizer = build_tokenizer(words)
    captions = [[f"{words[i % 2]}, {words[2 + i // 2 % 2]}"] for i in range(600)]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = train_text_encoder(captions, tokenizer, 60, 0)
    with torch.no_grad():
        first = [encoder(tokenize([texts[0]], tokenizer)).last_hidden_state[0, -1] for texts in captions[:4]]
        style = "microscopy image of a giant cell, bean nucleus"
        styled = encoder(tokenize([style], tokenizer)).last_hidden_state[0, -1]
    distances = torch.stack([(styled - state).norm() for state in first])
    assert distances.argmin() == 0 and distances[1:].min() > 2 * distances[0]


def test_denoiser_learns_to_follow_prompts(steps: None) -> None:
    """Latents that are all plus or all minus one, as the caption says."""
    tokenizer = build_tokenizer(["giant cell", "small cell"])
    signs = torch.tensor([1.0, -1.0]).repeat(32)
    latents = (signs[:, None, None, None] * torch.ones(64, 8, 16, 16))[None].half()
    captions = [["giant cell"] if sign > 0 else ["small cell"] for sign in signs]
    saved: list[object] = []
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = build_text_encoder(tokenizer).eval()
        unet = train_denoiser(latents, captions, tokenizer, encoder, 60, 0, saved.append)
    noisy, times = torch.randn(16, 8, 16, 16, generator=torch.Generator().manual_seed(1)), torch.full((16,), 999)
    with torch.no_grad():
        giant, small = (
            unet(noisy, times, encoder(tokenize([text] * 16, tokenizer))[0]).sample.mean()
            for text in ("giant cell", "small cell")
        )
    assert giant < small  # the velocity points away from the image where all is noise
    assert len(saved) >= 8


def test_learning_rate_rises_and_falls_within_the_time() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    rates = [(used, optimizer.param_groups[0]["lr"]) for _, used in TimeLimit(300, optimizer, 2.0, ticking())]
    assert len(rates) == 299
    assert all(0 <= used < 1 for used, _ in rates)
    assert rates[0][1] < 0.4
    assert 1.9 < max(rate for _, rate in rates) <= 2
    assert rates[-1][1] < 0.1
