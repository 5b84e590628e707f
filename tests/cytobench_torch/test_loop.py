from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from cytobench.context import Context, Stopped
from cytobench.contract import Checkpoints, Ran
from cytobench.errors import CytobenchError
from cytobench.images import Images
from cytobench_torch.augment import Normalise
from cytobench_torch.checkpoint import load_checkpoint, read_description
from cytobench_torch.config import TrainConfig
from cytobench_torch.loop import train_classifier
from cytobench_torch.predict import TorchPredictor
from cytobench_torch.schedule import learning_rate
from cytobench_torch.seeding import seeded

Make = Callable[..., Images]
MakeContext = Callable[..., Context]
NORMALISE = Normalise((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CONFIG = TrainConfig(epochs=6, batch_size=8, lr=0.02, warmup_epochs=1, resolution=16)


def _model() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.1), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(8, 3),
    )  # fmt: skip


def _fit(images: Make, ctx: Context, **changes: Any) -> Checkpoints:
    # Colour tells these classes apart, and colour is what the augmentation changes.
    config = CONFIG.model_copy(update={"augment": False, **changes})
    with seeded(ctx.seed, ctx.device):
        return train_classifier(_model(), images(25, 0), images(9, 1), config, ctx, NORMALISE)


def test_it_learns_and_predicts(images: Make, context: MakeContext) -> None:
    seen: list[tuple[int, int]] = []
    ctx = context(progress=lambda done, total: seen.append((done, total)))
    checkpoints = _fit(images, ctx)
    curves = checkpoints.curves
    assert [row["epoch"] for row in curves] == [1, 2, 3, 4, 5, 6]
    assert curves[-1]["train_loss"] < curves[0]["train_loss"]
    assert seen == [(i, 24) for i in range(1, 25)]  # 25 images make 4 batches
    model = _model()
    load_checkpoint(model, checkpoints.picked, only_trainable=False)
    fresh = images(12, 2)
    predictor = TorchPredictor(model, fresh.labels, 16, NORMALISE, ctx, Ran("", "", 16))
    probabilities = predictor.predict_proba(fresh)
    assert probabilities.shape == (12, 3) and probabilities.dtype == "float32"
    assert abs(probabilities.sum(1) - 1).max() < 1e-6
    assert (probabilities.argmax(1) == fresh.targets).mean() > 0.9
    assert abs(predictor.predict_proba(fresh.take([4])) - probabilities[4]).max() < 1e-5


@pytest.mark.parametrize("selection", ["f1_macro", "loss"])
def test_the_picked_checkpoint_is_the_earliest_best(images: Make, context: MakeContext, selection: str) -> None:
    checkpoints = _fit(images, context(selection=selection), lr=0.1)
    curves = checkpoints.curves
    scores = [-row["val_loss"] for row in curves] if selection == "loss" else [row["val_f1_macro"] for row in curves]
    assert read_description(checkpoints.picked)["epoch"] == scores.index(max(scores)) + 1
    assert read_description(checkpoints.last)["epoch"] == len(curves)
    assert read_description(checkpoints.picked)["labels"] == ["blue", "green", "red"]


def test_the_picked_checkpoint_scores_what_its_epoch_scored(images: Make, context: MakeContext) -> None:
    ctx = context(selection="loss")
    checkpoints = _fit(images, ctx, lr=0.1)
    val = images(9, 1)
    model = _model()
    load_checkpoint(model, checkpoints.picked, only_trainable=False)
    probabilities = TorchPredictor(model, val.labels, 16, NORMALISE, ctx, Ran("", "", 16)).predict_proba(val)
    loss = nn.functional.nll_loss(torch.from_numpy(probabilities).log(), torch.from_numpy(val.targets))
    assert float(loss) == pytest.approx(min(row["val_loss"] for row in checkpoints.curves), abs=1e-5)


def test_same_seed_same_bytes_and_the_global_state_is_left_alone(images: Make, context: MakeContext) -> None:
    state = torch.random.get_rng_state()
    mixing: dict[str, Any] = {"augment": True, "mix_probability": 0.5, "epochs": 2}
    first = _fit(images, context("a"), **mixing)
    again = _fit(images, context("b"), **mixing)
    other = _fit(images, context("c", seed=6), **mixing)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert first.last.read_bytes() == again.last.read_bytes()
    assert first.picked.read_bytes() == again.picked.read_bytes()
    assert first.curves == again.curves
    assert first.last.read_bytes() != other.last.read_bytes()


def test_a_batch_of_one_image_never_occurs(images: Make, context: MakeContext) -> None:
    # 25 images in batches of 8 would leave one over, on which batch normalisation fails.
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(3), nn.Linear(3, 3))
    ctx = context()
    with seeded(0, "cpu"):
        checkpoints = train_classifier(model, images(25, 0), images(3, 1), CONFIG, ctx, NORMALISE)
    assert checkpoints.last.exists()


def test_only_trainable_parameters_are_kept_where_asked(images: Make, context: MakeContext) -> None:
    model = _model()
    model[0].requires_grad_(False)  # type: ignore[index]
    ctx = context()
    with seeded(0, "cpu"):
        checkpoints = train_classifier(model, images(8, 0), images(3, 1), CONFIG, ctx, NORMALISE, only_trainable=True)
    other = _model()
    with pytest.raises(CytobenchError, match="does not fit the model"):
        load_checkpoint(other, checkpoints.last, only_trainable=False)
    other[0].requires_grad_(False)  # type: ignore[index]
    load_checkpoint(other, checkpoints.last, only_trainable=True)
    assert torch.equal(other[6].weight, model[6].weight)  # type: ignore[index]
    assert not torch.equal(other[0].weight, model[0].weight)  # type: ignore[index]


def test_it_stops_when_asked(images: Make, context: MakeContext) -> None:
    with pytest.raises(Stopped):
        _fit(images, context(stop=lambda: True))


def test_too_few_images_are_refused(images: Make, context: MakeContext) -> None:
    with pytest.raises(CytobenchError, match="got 25 and 0"):
        train_classifier(_model(), images(25, 0), images(0, 0), CONFIG, context(), NORMALISE)


def test_a_loss_that_is_not_finite_is_an_error(images: Make, context: MakeContext) -> None:
    with pytest.raises(CytobenchError, match="lower the option lr"):
        _fit(images, context(), lr=1e38)


def test_a_file_that_is_no_checkpoint_is_named(context: MakeContext) -> None:
    path = context().out / "model.safetensors"
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(CytobenchError, match=r"model\.safetensors is no readable safetensors"):
        read_description(path)


def test_other_classes_than_those_trained_are_refused(images: Make, context: MakeContext) -> None:
    predictor = TorchPredictor(_model(), ("red", "green", "blue"), 16, NORMALISE, context(), Ran("", "", 16))
    with pytest.raises(CytobenchError, match="classes"):
        predictor.predict_proba(images(3, 0))


def test_a_closed_predictor_says_so(images: Make, context: MakeContext) -> None:
    some = images(3, 0)
    predictor = TorchPredictor(_model(), some.labels, 16, NORMALISE, context(), Ran("", "", 16))
    predictor.close()
    with pytest.raises(CytobenchError, match="closed"):
        predictor.predict_proba(some)


def test_the_learning_rate_rises_then_falls_to_its_floor() -> None:
    rates = [learning_rate(step, 100, 30, 1e-4, 1e-8) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4 / 30)
    assert rates[29] == pytest.approx(1e-4)
    assert rates[64] == pytest.approx(0.5e-4, rel=1e-3)
    assert rates[99] == pytest.approx(1e-8)
    assert rates[:30] == sorted(rates[:30]) and rates[30:] == sorted(rates[30:], reverse=True)


def test_a_training_shorter_than_its_warm_up_only_rises() -> None:
    rates = [learning_rate(step, 10, 30, 1.0, 0.0) for step in range(10)]
    assert rates == pytest.approx([(step + 1) / 30 for step in range(10)])
