"""The training loop shared by the classifiers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn import functional as F

from cytobench._torch_images import Resize, TorchImages, identity, read_batches
from cytobench.context import Context
from cytobench.contract import Checkpoints
from cytobench.errors import CytobenchError
from cytobench.images import Images
from cytobench_torch.augment import Augmentation, Mixer, Normalise
from cytobench_torch.checkpoint import save_checkpoint, trained_state
from cytobench_torch.config import TrainConfig
from cytobench_torch.exposure import balanced_weights, epoch_order, places
from cytobench_torch.predict import evaluation_data, predict_logits
from cytobench_torch.schedule import learning_rate


@dataclass(frozen=True)
class _Plan:
    """What a training shows and how long it lasts."""

    places: NDArray[np.int64]
    """The position of each place's image; an image that is repeated has several."""
    shown: int
    """Places an epoch shows."""
    batches: int
    """Steps of an epoch."""
    steps: int
    warmup: int
    """Steps of warm-up."""


def train_classifier(
    model: nn.Module,
    train: Images,
    val: Images,
    config: TrainConfig,
    ctx: Context,
    normalise: Normalise,
    only_trainable: bool = False,
    about: Mapping[str, Any] | None = None,
) -> Checkpoints:
    """Train ``model``, from images float32 (n, 3, r, r) to logits (n, classes), and write both checkpoints.

    ``ctx.out`` gets ``picked.safetensors``, the epoch that is best on validation by ``ctx.selection`` (the
    earliest of equals), and ``last.safetensors``; with ``only_trainable`` they hold only the parameters that
    require a gradient. ``about`` joins their description. Validation runs in float32. On a GPU, ``ctx.dtype``
    float16 or bfloat16 trains in mixed precision; a CPU trains in float32. Draws from torch's global
    generators: call it within :func:`~cytobench_torch.seeding.seeded`.

    Raises CytobenchError where there are too few images or the loss is no longer finite.
    """
    if len(train) < 2 or not len(val):
        raise CytobenchError(f"training needs 2 training images and 1 for validation, got {len(train)} and {len(val)}")
    full = Augmentation(config.resolution, corners=ctx.corners).with_colour(config.colour_strength)
    if ctx.recolouring is not None:
        full = full.with_recolouring(*ctx.recolouring)
    augmentation = full if config.augment else None
    with ctx.time("load"):
        # Convolutions are some 15 % faster with channels last, on a CPU and in mixed precision.
        model.to(ctx.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        side = augmentation.source_side if augmentation else config.resolution
        train_data = TorchImages(train, identity, prepare=Resize(side))
        train_data.load(ctx.workers)
        val_data = evaluation_data(val, config.resolution)
        val_data.load(ctx.workers)
    plan = _plan(train, config, ctx.seed)
    trainer = _Trainer(model, train_data, augmentation, normalise, config, ctx, plan, len(train.labels))
    curves: list[Mapping[str, float]] = []
    best, best_epoch, picked = -math.inf, 0, dict[str, Tensor]()
    with ctx.time("train"):
        for epoch in range(1, config.epochs + 1):
            loss = trainer.epoch(epoch)
            scores = _validate(model, val_data, normalise, ctx)
            if not math.isfinite(loss) or not math.isfinite(scores["val_loss"]):
                raise CytobenchError(f"no finite loss in epoch {epoch} at lr {config.lr}; lower the option lr")
            curves.append({"epoch": epoch, "train_loss": loss, **scores})
            score = scores["val_f1_macro"] if ctx.selection == "f1_macro" else -scores["val_loss"]
            if score > best:
                best, best_epoch, picked = score, epoch, trained_state(model, only_trainable)
    paths = {name: ctx.out / f"{name}.safetensors" for name in ("picked", "last")}
    described = {"labels": list(train.labels), **(about or {})}
    save_checkpoint(paths["picked"], picked, {**described, "epoch": best_epoch})
    save_checkpoint(paths["last"], trained_state(model, only_trainable), {**described, "epoch": config.epochs})
    return Checkpoints(paths["picked"], paths["last"], tuple(curves))


def _plan(train: Images, config: TrainConfig, seed: int) -> _Plan:
    shown = config.shown(len(train), train.classes)
    batches = math.ceil(shown / config.batch_size)
    return _Plan(
        places=places(train, config.oversample, seed),
        shown=shown,
        batches=batches,
        steps=config.epochs * batches,
        warmup=config.warmup_steps(len(train), train.classes),
    )


class _Trainer:
    """Optimiser, schedule and precision of one training."""

    def __init__(
        self,
        model: nn.Module,
        data: TorchImages,
        augmentation: Augmentation | None,
        normalise: Normalise,
        config: TrainConfig,
        ctx: Context,
        plan: _Plan,
        classes: int,
    ) -> None:
        self.model, self.data, self.augmentation, self.normalise = model, data, augmentation, normalise
        self.config, self.ctx, self.plan = config, ctx, plan
        self.mixer = Mixer(classes, config.mix_probability if config.augment else 0.0)
        self.trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=config.lr, weight_decay=config.weight_decay)
        self.device = torch.device(ctx.device)
        self.mixed = self.device.type != "cpu" and ctx.dtype in ("float16", "bfloat16")
        # Gradients in float16 underflow without scaling.
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.mixed and ctx.dtype == "float16")
        self.weight: Tensor | None = None
        if config.class_weights:
            balanced = balanced_weights(data.images.targets[plan.places], classes)
            self.weight = torch.from_numpy(balanced).float().to(self.device)
        self.done = 0

    def epoch(self, epoch: int) -> float:
        """Train one epoch; return the mean loss of the images it shows."""
        ctx, plan = self.ctx, self.plan
        self.model.train()
        order, draws = epoch_order(ctx.seed, epoch, len(plan.places), plan.shown)
        # Batches of nearly equal size: a last batch of one image would break batch normalisation.
        batches = [part.tolist() for part in np.array_split(plan.places[order], plan.batches)]
        draws_of = np.array_split(draws, plan.batches)
        losses = []
        reader = read_batches(self.data, batches, ctx.workers)
        for rows, drawn, (images, targets) in zip(batches, draws_of, reader, strict=True):
            ctx.check_stop()
            images, targets = images.to(self.device), targets.to(self.device)
            images = self.augmentation(images, drawn) if self.augmentation else images.float().div_(255)
            images, targets = self.mixer(self.normalise.scaled(images), targets)
            losses.append(self._step(images, targets) * len(rows))
            ctx.progress(self.done, self.plan.steps)
        return float(torch.stack(losses).double().sum()) / plan.shown

    def _step(self, images: Tensor, targets: Tensor) -> Tensor:
        config, plan = self.config, self.plan
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.done, plan.steps, plan.warmup, config.lr, config.min_lr)
        with self._precision():
            loss = self._loss(self.model(images).float(), targets)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.done += 1
        return loss.detach()

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        if self.weight is None:
            return F.cross_entropy(logits, targets)
        # Torch's mean divides by the weights of a batch's labels, but not where CutMix or MixUp made shares of them.
        return F.cross_entropy(logits, targets, self.weight, reduction="sum") / len(logits)

    def _precision(self) -> AbstractContextManager[object]:
        if not self.mixed:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=getattr(torch, self.ctx.dtype))


def _validate(model: nn.Module, data: TorchImages, normalise: Normalise, ctx: Context) -> dict[str, float]:
    logits = predict_logits(model, data, normalise, ctx.device, ctx.workers)
    counted = [number for number, label in enumerate(data.images.labels) if label not in ctx.train_only]
    guesses = logits.argmax(1).numpy()
    f1 = f1_score(data.targets.numpy(), guesses, labels=counted, average="macro", zero_division=0)
    return {"val_loss": float(F.cross_entropy(logits.double(), data.targets)), "val_f1_macro": float(f1)}
