"""What a process holds that a plugin must leave as it was: random state, default dtype, threads, processes, memory."""

from __future__ import annotations

import gc
import random
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

GRACE = 1.0
"""Seconds that threads and processes are given to end after a plugin was closed."""
OWN = "cytobench.testing"
"""What the names of the checks' own threads and the commands of their own processes hold."""
_NOT_THEIRS = (OWN, "resource_tracker", "forkserver")
_ALLOWED_THREADS = ("tqdm_monitor",)
"""One a process, idle, started by any progress bar of tqdm."""


def stir() -> None:
    """Put the global state where no plugin would put it: a seed that was set before must show when it is set again."""
    random.seed(f"{time.monotonic_ns()}")
    np.random.seed(time.monotonic_ns() % 2**32)
    if "torch" in sys.modules:
        import torch

        torch.seed()
        torch.set_default_dtype(torch.float32)


def global_state() -> dict[str, Any]:
    """The global random state of Python, NumPy and torch, and torch's default dtype.

    Of torch only where it is loaded already.
    """
    numbers: Any = np.random.get_state(legacy=False)
    state = {
        "random.getstate()": random.getstate(),
        "numpy.random.get_state()": (numbers["state"]["key"].tobytes(), numbers["state"]["pos"], numbers["has_gauss"]),
    }
    return {**state, **(_torch_state() if "torch" in sys.modules else {})}


def _torch_state() -> dict[str, Any]:
    import torch

    state = {
        "torch.get_rng_state()": torch.get_rng_state().numpy().tobytes(),
        "torch.get_default_dtype()": torch.get_default_dtype(),
    }
    if torch.cuda.is_available():
        state["torch.cuda.get_rng_state()"] = [seeds.numpy().tobytes() for seeds in torch.cuda.get_rng_state_all()]
    return state


def changes(before: Mapping[str, Any]) -> list[str]:
    """What differs now from the global state before. A torch that was loaded since is compared with a fresh one."""
    now = global_state()
    if "torch" in sys.modules and "torch.get_rng_state()" not in before:
        import torch

        fresh = torch.Generator().get_state().numpy().tobytes()
        before = {**before, "torch.get_rng_state()": fresh, "torch.get_default_dtype()": torch.float32}
    return [name for name, value in before.items() if now.get(name) != value]


def left_running(threads: Iterable[threading.Thread], processes: Mapping[int, str]) -> list[str]:
    """Threads and child processes that are there now and were not before, after some grace."""
    known = set(threads)
    deadline = time.monotonic() + GRACE
    while True:
        new = [thread.name for thread in threading.enumerate() if thread not in known]
        extra = [f"thread {name}" for name in new if OWN not in name and name not in _ALLOWED_THREADS]
        started = [command for number, command in children().items() if number not in processes]
        extra += [f"process {shorten(command, 80)}" for command in started]
        if not extra or time.monotonic() > deadline:
            return extra
        time.sleep(0.05)


def children() -> dict[int, str]:
    """The child processes by number, with their command; Linux alone tells, elsewhere those of multiprocessing."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        import multiprocessing

        return {child.pid: child.name for child in multiprocessing.active_children() if child.pid}
    commands = {}
    for task in tasks.iterdir():
        try:
            numbers = (task / "children").read_text().split()
        except OSError:  # the thread ended meanwhile
            continue
        for number in numbers:
            command = _command(number)
            if command and not any(ours in command for ours in _NOT_THEIRS):
                commands[int(number)] = command
    return commands


def _command(number: str) -> str:
    """The command line of a process; empty for one that has ended."""
    try:
        raw = Path("/proc", number, "cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()


def device_memory(device: str) -> int | None:
    """Bytes that torch's tensors take on a device, after what is unreachable was freed; None for a CPU."""
    if device == "cpu":
        return None
    import torch

    gc.collect()
    torch.accelerator.synchronize(device)
    return int(torch.accelerator.memory.memory_allocated(device))


def threads() -> int:
    """How many threads torch computes with; 0 where it is not loaded. Sums come out in another order with others."""
    if "torch" not in sys.modules:
        return 0
    import torch

    return torch.get_num_threads()
