"""Torch's global generators, seeded for a while and then put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Seed torch's generators of the CPU and of ``device``; their former state is restored at the end."""
    where = torch.device(device)
    devices = []
    if where.type != "cpu":
        devices = [torch.accelerator.current_device_index() if where.index is None else where.index]
    with torch.random.fork_rng(devices, device_type=where.type if devices else "cuda"):
        torch.manual_seed(seed)
        yield
