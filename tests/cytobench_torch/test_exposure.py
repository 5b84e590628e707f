"""What an epoch shows: every image once before any twice, as often as so many more images a class would be shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight
from torch import nn
from torch.nn import functional as F

from cytobench.context import Context
from cytobench.images import Images
from cytobench_torch import loop
from cytobench_torch.augment import Mixer, Normalise, draw
from cytobench_torch.config import TrainConfig
from cytobench_torch.exposure import balanced_weights, epoch_order, places
from cytobench_torch.schedule import learning_rate
from cytobench_torch.seeding import seeded

LABELS = ("a", "b", "c")
counts = st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any)


def table(real: list[int], synthetic_counts: list[int]) -> Images:
    """Images by class, real and synthetic; no pixels, which are not asked for here."""
    rows = [(LABELS[i], synthetic) for synthetic, numbers in ((False, real), (True, synthetic_counts)) for i, n in
            enumerate(numbers) for _ in range(n)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["label", "synthetic"]).assign(prompt="")
    return Images(frame, LABELS, dict.fromkeys(LABELS, ""), [None] * len(rows))  # type: ignore[list-item]


@given(real=counts, synthetic=counts, extra=st.integers(0, 40), seed=st.integers(0, 2**63 - 1))
def test_oversampling_repeats_real_images_evenly(real: list[int], synthetic: list[int], extra: int, seed: int) -> None:
    images = table(real, synthetic)
    positions = places(images, extra, seed)
    assert positions[: len(images)].tolist() == list(range(len(images)))
    repeats = Counter(positions[len(images) :].tolist())
    assert not any(images.table["synthetic"].iloc[list(repeats)])
    start = 0
    for column, number in enumerate(real):
        rows = range(start, start + number)
        start += number
        added = [repeats[row] for row in rows]
        assert sum(added) == (extra if number else 0)
        assert max(added, default=0) - min(added, default=0) <= 1
        assert (images.targets[positions] == column).sum() == number + synthetic[column] + (extra if number else 0)


@given(real=counts, small=st.integers(0, 20), more=st.integers(0, 20))
def test_a_larger_number_of_repeats_holds_the_smaller(real: list[int], small: int, more: int) -> None:
    images = table(real, [0, 0, 0])
    few, many = (Counter(places(images, extra, 7).tolist()) for extra in (small, small + more))
    assert few <= many


@given(size=st.integers(1, 30), more=st.integers(0, 50), epochs=st.integers(1, 5), seed=st.integers(0, 2**63 - 1))
def test_epochs_go_on_through_the_images_pass_after_pass(size: int, more: int, epochs: int, seed: int) -> None:
    shown = size + more
    parts = [epoch_order(seed, epoch, size, shown) for epoch in range(1, epochs + 1)]
    assert all(len(order) == len(draws) == shown for order, draws in parts)
    stream = np.concatenate([order for order, _ in parts])
    for start in range(0, len(stream) - size + 1, size):
        assert sorted(stream[start : start + size]) == list(range(size))
    rows = {tuple(row[:3]) for _, draws in parts for row in draws.tolist()}
    assert len(rows) == len(stream)  # no two showings are augmented alike


def test_without_repeats_an_epoch_is_what_it_was_before_there_were_any() -> None:
    order, draws = epoch_order(5, 3, 11, 11)
    assert (order == np.random.default_rng((5, 3, 1)).permutation(11)).all()
    assert (draws == draw(5, 3, 11)[order]).all()


@given(numbers=counts)
def test_weights_are_balanced(numbers: list[int]) -> None:
    targets = table(numbers, [0, 0, 0]).targets
    weights = balanced_weights(targets, 3)
    assert weights[targets] == pytest.approx(compute_sample_weight("balanced", targets))
    assert weights[targets].mean() == pytest.approx(1)
    assert all(weights[i] == 1 for i, number in enumerate(numbers) if not number)


@given(images=st.integers(1, 500), classes=st.integers(1, 15), n=st.integers(0, 60))
def test_baselines_take_the_steps_of_so_many_synthetic_images(images: int, classes: int, n: int) -> None:
    plain = TrainConfig(epochs=3, batch_size=16).optimizer_steps(images + n * classes, classes)
    for option in ("oversample", "match_steps"):
        config = TrainConfig(epochs=3, batch_size=16, **{option: n})
        assert config.optimizer_steps(images, classes) == plain
        assert config.with_steps(plain, images).optimizer_steps(images, classes) <= max(plain, -(-images // 16))


class Watching(nn.Module):
    """Remembers how many images of each batch it was shown in training."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.seen: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        means = images.mean((2, 3))
        if self.training:
            self.seen.append(means.detach())
        return self.layer(means)  # type: ignore[no-any-return]


@pytest.fixture
def trained(images: Callable[..., Images], context: Callable[..., Context]) -> Callable[..., Watching]:
    """Trains on 25 images of three classes; returns the model, which knows what it was shown."""

    def call(**changes: Any) -> Watching:
        config = TrainConfig(**{"epochs": 2, "batch_size": 8, "resolution": 16, "augment": False, **changes})
        ctx = context("_".join(changes) or "plain")
        with seeded(1, "cpu"):
            model = Watching()
            normalise = Normalise((0.5,) * 3, (0.5,) * 3)
            model.curves = loop.train_classifier(model, images(25, 0), images(6, 1), config, ctx, normalise).curves  # type: ignore[assignment]
        return model

    return call


def shown_by_class(model: Watching) -> list[int]:
    """Each image's brightest channel is that of its class."""
    return torch.bincount(torch.cat(model.seen).argmax(1), minlength=3).flip(0).tolist()


def test_a_training_shows_what_its_options_say(trained: Callable[..., Watching]) -> None:
    plain, more, longer = trained(), trained(oversample=10), trained(match_steps=10)
    assert shown_by_class(plain) == [18, 16, 16]  # two epochs of 9, 8 and 8
    assert shown_by_class(more) == [38, 36, 36]
    assert len(plain.seen) == 2 * 4 and len(more.seen) == len(longer.seen) == 2 * 7
    assert sum(shown_by_class(longer)) == sum(shown_by_class(more)) == 110
    assert max(abs(a / 110 - b / 25) for a, b in zip(shown_by_class(longer), (9, 8, 8), strict=True)) < 0.02
    assert [len(batch) for batch in longer.seen] == [len(batch) for batch in more.seen]
    assert len(longer.curves) == 2  # validated as often as before


class Shares(Mixer):
    """Mixes nothing, and hands targets over as shares, as CutMix and MixUp do."""

    def __call__(self, images: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images, F.one_hot(targets, self.classes).float()


@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_weights_weigh_the_loss(
    images: Callable[..., Images], context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch,
    weighted: bool, shares: bool,
) -> None:  # fmt: skip
    """The loss of one step on one batch is that of the loss written out, with labels and with shares of them."""
    if shares:
        monkeypatch.setattr(loop, "Mixer", Shares)
    train = images(25, 0).take([0, 3, 6, 9, 12, 1, 4, 2])  # five, two and one of the classes
    config = TrainConfig(epochs=1, batch_size=8, resolution=16, augment=False, class_weights=weighted)
    with seeded(1, "cpu"):
        model = Watching()
        start = {name: value.clone() for name, value in model.state_dict().items()}
        done = loop.train_classifier(model, train, train, config, context(), Normalise((0.5,) * 3, (0.5,) * 3))
    logits = model.seen[0] @ start["layer.weight"].T + start["layer.bias"]
    targets = 2 - model.seen[0].argmax(1)  # the brightest channel is the class's
    each = F.cross_entropy(logits, targets, reduction="none")
    weights = torch.tensor([8 / 15, 8 / 6, 8 / 3])[targets] if weighted else 1
    assert done.curves[0]["train_loss"] == pytest.approx(float((each * weights).mean()), rel=1e-5)


@given(
    epochs=st.integers(1, 8), warmup=st.floats(0, 10), images=st.integers(2, 60), batch=st.integers(2, 40),
    match=st.integers(0, 20),
)  # fmt: skip
@example(epochs=4, warmup=3.8125, images=46, batch=2, match=1)
def test_a_rate_that_is_never_reached_is_told_and_no_other(
    epochs: int, warmup: float, images: int, batch: int, match: int
) -> None:
    config = TrainConfig(epochs=epochs, warmup_epochs=warmup, batch_size=batch, match_steps=match)
    steps, rising = config.optimizer_steps(images, 3), config.warmup_steps(images, 3)
    rates = [learning_rate(step, steps, rising, config.lr, config.min_lr) for step in range(steps)]
    told = config.cautions(images, 3)
    # Without a warm-up the cosine begins one step below the top; the last step of one may be rounded below it.
    assert bool(told) == (rising > 0 and max(rates) < config.lr * (1 - 1e-9))
    assert not told or f"rises to {max(rates):.3g} and never reaches lr ({config.lr:g})" in told[0]
