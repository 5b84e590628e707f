"""What a plugin can do to its process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from cytobench.context import Context
from cytobench.errors import UserError, option, setting

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


class Odd(Exception):
    """Cannot be pickled, nor made again from its text."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"code {code}: {reason}")
        self.explain = lambda: reason


class Mute(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def crash(ctx: Context) -> None:
    print(f"about to crash in {os.getpid()}", file=sys.stderr)
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(ctx: Context) -> None:
    os._exit(3)


def leave_with_a_child(ctx: Context) -> None:
    """The child has a copy of every pipe, and holds it open."""
    child = os.fork()
    if not child:
        time.sleep(600)
    print(f"child {child}", flush=True)
    os._exit(4)


def system_exit(ctx: Context) -> None:
    sys.exit("enough")


def allocate(ctx: Context) -> None:
    blocks = [np.ones(2**20) for _ in range(256)]  # 2 GiB, and each page is written
    time.sleep(600)
    del blocks


def allocate_in_a_child(ctx: Context) -> None:
    subprocess.run([sys.executable, "-c", "import time; held = bytearray(2**31); time.sleep(600)"], check=True)


def hang(ctx: Context) -> None:
    child = subprocess.Popen(SLEEP)
    print(f"child {child.pid}")
    print(f"hangs in {os.getpid()}", flush=True)
    child.wait()


def hang_deaf(ctx: Context) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    time.sleep(600)


def raise_odd(ctx: Context) -> None:
    raise Odd(7, "unpicklable")


def raise_mute(ctx: Context) -> None:
    raise Mute


def raise_user_error(ctx: Context) -> None:
    raise UserError(f"{option('shots', 0)} is too few, and {setting('fragile', 'fit', 'talk')} is better")


def talk(ctx: Context) -> None:
    print("printed by fragile")
    os.write(1, b"written by native code\n")
    ctx.logger.warning("logged by fragile in %d, which would %s", os.getpid(), multiprocessing.get_start_method())
    for step in range(3):
        ctx.progress(step + 1, 3)


WAYS: dict[str, Callable[[Context], None]] = {
    way.__name__: way
    for way in (
        crash, leave, leave_with_a_child, system_exit, allocate, allocate_in_a_child, hang, hang_deaf, raise_odd,
        raise_mute, raise_user_error, talk,
    )
}  # fmt: skip
