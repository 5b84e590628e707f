"""Observers: one module of hooks for each rule, made from a class so that all lie in one file."""

from __future__ import annotations

import json
import random
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from cytobench.contract import hookimpl


class Sound:
    """Writes a line a trial into the results folder, as it may."""

    def __init__(self) -> None:
        self.out: Path | None = None

    @hookimpl
    def cytobench_run_started(self, run: dict[str, Any], out: Path) -> None:
        self.out = out

    @hookimpl
    def cytobench_trial_finished(self, record: dict[str, Any]) -> None:
        assert self.out is not None
        with (self.out / "trials.log").open("a") as log:
            log.write(json.dumps([record["trial"], record["status"]]) + "\n")

    @hookimpl
    def cytobench_run_finished(self, out: Path, failed: int) -> None:
        assert out == self.out


class Blind(Sound):
    """Takes it that every trial has scores."""

    @hookimpl
    def cytobench_trial_finished(self, record: dict[str, Any]) -> None:
        assert record["scores"]["test"]["accuracy"] >= 0


class Pops(Sound):
    @hookimpl
    def cytobench_trial_finished(self, record: dict[str, Any]) -> None:
        record.pop("environment")


class Rewrites(Sound):
    @hookimpl
    def cytobench_run_finished(self, out: Path, failed: int) -> None:
        (out / "benchmark.toml").write_text("# mine now\n")


class SeedsPython(Sound):
    @hookimpl
    def cytobench_run_started(self, run: dict[str, Any], out: Path) -> None:
        random.seed(7)
        self.out = out


class WritesHome(Sound):
    @hookimpl
    def cytobench_run_finished(self, out: Path, failed: int) -> None:
        (Path.home() / "runs.log").touch()


class LeavesThread(Sound):
    @hookimpl
    def cytobench_run_started(self, run: dict[str, Any], out: Path) -> None:
        self.out = out
        threading.Thread(target=threading.Event().wait, daemon=True, name="uploader").start()


for kind in (Sound, Blind, Pops, Rewrites, SeedsPython, WritesHome, LeavesThread):
    module = ModuleType(f"sound_observers.{kind.__name__}")
    observer = kind()
    for hook in ("cytobench_run_started", "cytobench_trial_finished", "cytobench_run_finished"):
        setattr(module, hook, getattr(observer, hook))
    sys.modules[module.__name__] = module
__path__: list[str] = []
nothing = ModuleType("sound_observers.nothing")
sys.modules[nothing.__name__] = nothing
