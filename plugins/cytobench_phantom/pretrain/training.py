"""What the trainings share: a time limit that also drives the learning rate, precision, averaged weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn
from torch.optim import swa_utils


class TimeLimit:
    """Training steps until ``seconds`` are over, with the learning rate that belongs to each.

    The rate rises linearly over the first 2 % of the time and then falls as a half cosine to zero, so a training
    given less time still ends with a low rate.
    """

    def __init__(
        self,
        seconds: float,
        optimizer: torch.optim.Optimizer,
        peak: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds, self._optimizer, self._peak, self._clock = seconds, optimizer, peak, clock

    def __iter__(self) -> Iterator[tuple[int, float]]:
        """Yield (step, share of the time used), having set the learning rate."""
        start, step = self._clock(), 0
        while (share := (self._clock() - start) / self._seconds) < 1:
            rate = self._peak * min(1.0, share / 0.02, 0.5 + 0.5 * math.cos(math.pi * share))
            for group in self._optimizer.param_groups:
                group["lr"] = max(rate, 1e-3 * self._peak)
            yield step, share
            step += 1


def mixed_precision() -> AbstractContextManager[None]:
    """bfloat16 where the processor computes in it, which is faster there; elsewhere float32."""
    return torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported())


def averaged(model: nn.Module, decay: float) -> swa_utils.AveragedModel:
    """A copy of ``model`` for the exponential moving average of its weights."""
    average_with: Callable[[float], Any] = swa_utils.get_ema_multi_avg_fn
    return swa_utils.AveragedModel(model, multi_avg_fn=average_with(decay))


def descend(loss: torch.Tensor, parameters: Iterable[nn.Parameter], optimizer: torch.optim.Optimizer) -> None:
    """One optimiser step on ``loss`` with the norm of the gradient clipped at 1."""
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()


def to_pixels(images: torch.Tensor) -> torch.Tensor:
    """uint8 (n, h, w, 3) to float32 (n, 3, h, w) in -1..1, channels last in memory."""
    return images.permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)


def flip(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Turn a whole batch (n, c, s, s) into one of the eight orientations of a square."""
    turns = int(torch.randint(4, (1,), generator=generator))
    images = torch.rot90(images, turns, (2, 3))
    return images.flip(3) if bool(torch.randint(2, (1,), generator=generator)) else images
