"""A generator that keeps every rule, and beside it one for each rule that breaks it alone."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, model_validator

from cytobench.context import Context
from cytobench.contract import PluginConfig, Ran, Request, SampleConfig
from cytobench.images import Images

SIDE = 16


class FitConfig(PluginConfig):
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"pocket": {"keep": 16}}

    keep: int = Field(default=32, ge=1)


class Sampling(SampleConfig):
    spread: float = Field(default=20.0, ge=0)
    tint: str | None = None


class Sound:
    """Noise around the mean colour of the shots."""

    def __init__(self, fit_config: FitConfig, sample_config: Sampling) -> None:
        self.keep = getattr(fit_config, "keep", 1)
        self.spread = sample_config.spread

    def fit(self, shots: Images, ctx: Context) -> None:
        colours = [shots[i].mean(axis=(0, 1)) for i in range(min(self.keep, len(shots)))]
        (ctx.out / "colour.json").write_text(json.dumps(np.mean(colours, axis=0).tolist()))

    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        colours = {label: json.loads((folder / "colour.json").read_text()) for label, folder in artefacts.items()}
        return self.sampler(colours, ctx)

    def sampler(self, colours: Mapping[str, Any], ctx: Context) -> SoundSampler:
        return SoundSampler(colours, self.spread)


class SoundSampler:
    ran = Ran("none", "noise around a colour", SIDE)

    def __init__(self, colours: Mapping[str, Any], spread: float) -> None:
        self.colours = colours
        self.spread = spread

    def image(self, request: Request, shift: int = 0) -> NDArray[np.uint8]:
        noise = np.random.default_rng(request.seed).normal(0, self.spread, (SIDE, SIDE, 3))
        return np.clip(self.colours[request.label] + noise + shift, 0, 255).astype(np.uint8)

    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        for request in todo:
            yield request, self.image(request)

    def close(self) -> None:
        pass


def generator(changed: type[SoundSampler]) -> type[Sound]:
    """The sound generator with another sampler, to write above the sampler."""

    class Changed(Sound):
        def sampler(self, colours: Mapping[str, Any], ctx: Context) -> SoundSampler:
            return changed(colours, self.spread)

    return Changed


# loads


class NoOpen:
    def __init__(self, fit_config: PluginConfig, sample_config: SampleConfig) -> None:
        pass

    def fit(self, shots: Images, ctx: Context) -> None:
        pass


class RaisesWhenMade(Sound):
    def __init__(self, fit_config: FitConfig, sample_config: Sampling) -> None:
        raise RuntimeError("no luck today")


# options-round-trip


class Growing(FitConfig):
    """An option that is another after each validation."""

    grown: int = 0

    @model_validator(mode="before")
    @classmethod
    def _grow(cls, values: dict[str, Any]) -> dict[str, Any]:
        grown = values.get("grown", 0)
        return {**values, "grown": grown + 1 if isinstance(grown, int) else grown}


class Thawed(FitConfig):
    model_config = ConfigDict(frozen=False)


class BadPreset(FitConfig):
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"huge": {"keep": 0}}


# options-nonsense


class TakesUnknown(FitConfig):
    model_config = ConfigDict(extra="ignore")


class TakesAnything(FitConfig):
    mood: Any = 1


class TakesInfinity(FitConfig):
    model_config = ConfigDict(allow_inf_nan=True)

    rate: float = 1.0


# images


@generator
class OneShort(SoundSampler):
    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        yield from list(super().sample(todo))[1:]


@generator
class Doubled(SoundSampler):
    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        for request in todo:
            yield request, self.image(request)
            yield request, self.image(request)


@generator
class Floats(SoundSampler):
    def image(self, request: Request, shift: int = 0) -> Any:
        return super().image(request) / 255


@generator
class WithAlpha(SoundSampler):
    def image(self, request: Request, shift: int = 0) -> NDArray[np.uint8]:
        return np.dstack([super().image(request), np.full((SIDE, SIDE), 255, np.uint8)])


@generator
class OtherSize(SoundSampler):
    ran = Ran("none", "noise around a colour", 64)


@generator
class SaysNothing(SoundSampler):
    ran = None  # type: ignore[assignment]


# shots


class NeedsTwo(Sound):
    def fit(self, shots: Images, ctx: Context) -> None:
        if len(shots) < 2:
            raise ValueError("a covariance needs two shots")
        super().fit(shots, ctx)


# other-shots


class Blind(Sound):
    def fit(self, shots: Images, ctx: Context) -> None:
        (ctx.out / "colour.json").write_text("[200, 180, 170]")


# same-seed


class UnseededFit(Sound):
    def fit(self, shots: Images, ctx: Context) -> None:
        colour = np.random.default_rng().uniform(100, 200, 3) + shots[0].mean() / 10
        (ctx.out / "colour.json").write_text(json.dumps(colour.tolist()))


# other-seed


@generator
class ByIndex(SoundSampler):
    def image(self, request: Request, shift: int = 0) -> NDArray[np.uint8]:
        return super().image(Request(request.label, request.prompt, request.index, request.index))


# count


@generator
class Carried(SoundSampler):
    """Noise goes on where another class left it."""

    def __init__(self, colours: Mapping[str, Any], spread: float) -> None:
        super().__init__(colours, spread)
        self.others: set[str] = set()

    def image(self, request: Request, shift: int = 0) -> NDArray[np.uint8]:
        self.others.add(request.label)
        return super().image(request, shift=9 * (len(self.others) - 1))


# order


@generator
class Ascending(SoundSampler):
    """Takes it that requests come in the order of their index."""

    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        backwards = len(todo) > 1 and todo[0].index > todo[-1].index
        for request in todo:
            yield request, self.image(request, shift=9 * backwards)


# batch


@generator
class BatchNormed(SoundSampler):
    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        for request in todo:
            yield request, self.image(request, shift=5 * len(todo))


@generator
class Rounding(SoundSampler):
    """What is allowed: the last digits move with the batch."""

    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        for request in todo:
            yield request, self.image(request, shift=2 * (len(todo) == 1))


# other-process


@generator
class Hashed(SoundSampler):
    """hash() of a text is another in each process."""

    def image(self, request: Request, shift: int = 0) -> NDArray[np.uint8]:
        return super().image(request, shift=hash(request.label) % 97)


class Remembers(Sound):
    """Leaves in its folder where that folder was."""

    def fit(self, shots: Images, ctx: Context) -> None:
        super().fit(shots, ctx)
        (ctx.out / "where.txt").write_text(str(ctx.out))

    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        where = {label: Path((folder / "where.txt").read_text()) for label, folder in artefacts.items()}
        return super().open(where, ctx)


# resumes


@generator
class GoesOnByItself(SoundSampler):
    """Remembers a sampling that was cut off, and takes the next one for its continuation."""

    cut: ClassVar[list[str]] = []

    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        behind = len(self.cut)
        self.cut.clear()
        for request in todo:
            try:
                yield request, self.image(request, shift=9 * behind)
            except GeneratorExit:
                self.cut.append(request.label)
                raise


class StopsInside(Sound):
    """What is allowed: asks whether to stop, and reports progress, within a block."""

    def sampler(self, colours: Mapping[str, Any], ctx: Context) -> SoundSampler:
        class Asking(SoundSampler):
            def image(self, request: Request, shift: int = 0) -> NDArray[np.uint8]:
                ctx.check_stop()
                ctx.progress(1, 1)
                return super().image(request)

        return Asking(colours, self.spread)


# global-state


class SeedsPython(Sound):
    def fit(self, shots: Images, ctx: Context) -> None:
        random.seed(7)
        super().fit(shots, ctx)


class SeedsNumpy(Sound):
    def fit(self, shots: Images, ctx: Context) -> None:
        np.random.seed(7)
        super().fit(shots, ctx)


class SeedsTorch(Sound):
    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        import torch

        torch.manual_seed(7)
        return super().open(artefacts, ctx)


class SetsDtype(Sound):
    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        import torch

        torch.set_default_dtype(torch.float64)
        return super().open(artefacts, ctx)


# own-folder


class WritesHere(Sound):
    def fit(self, shots: Images, ctx: Context) -> None:
        super().fit(shots, ctx)
        Path("loss.txt").write_text("0")


class KeepsACache(Sound):
    def fit(self, shots: Images, ctx: Context) -> None:
        super().fit(shots, ctx)
        (Path.home() / ".cache" / "sound").mkdir(parents=True, exist_ok=True)


class WritesToArtefact(Sound):
    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        for folder in artefacts.values():
            (folder / "opened.txt").write_text("once more")
        return super().open(artefacts, ctx)


class LeavesTemporary(Sound):
    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        import tempfile

        tempfile.mkdtemp()
        return super().open(artefacts, ctx)


class CompiledCode(Sound):
    """Another program writes, which Python's audit events do not show."""

    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        subprocess.run([sys.executable, "-c", "open('written.txt', 'w').close()"], check=True)
        return super().open(artefacts, ctx)


class TidyTemporary(Sound):
    """What is allowed: temporary files that are gone at the end."""

    def fit(self, shots: Images, ctx: Context) -> None:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "scratch.txt").write_text("1")
        super().fit(shots, ctx)


# network


class Phones(Sound):
    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        with contextlib.suppress(OSError):
            socket.getaddrinfo("weights.invalid", 443)
        return super().open(artefacts, ctx)


# nothing-running


class LeavesThread(Sound):
    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        threading.Thread(target=threading.Event().wait, daemon=True, name="loader").start()
        return super().open(artefacts, ctx)


class LeavesProcess(Sound):
    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        return super().open(artefacts, ctx)


# device-memory


class HoldsMemory(Sound):
    held: ClassVar[list[Any]] = []

    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        import torch

        self.held.append(torch.zeros(2**21, device=ctx.device))
        return super().open(artefacts, ctx)


# crashes


class Exits(Sound):
    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        sys.exit(0)


class ExitsAtOnce(Sound):
    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        os._exit(3)


class Crashes(Sound):
    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        os.kill(os.getpid(), signal.SIGSEGV)
        return super().open(artefacts, ctx)


class Hangs(Sound):
    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        time.sleep(600)
        return super().open(artefacts, ctx)


class Prints(Sound):
    """What is allowed: printing, even what looks like a reply, and reading stdin."""

    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> SoundSampler:
        print('{"status": "passed"}', flush=True)
        sys.stdin.read()
        return super().open(artefacts, ctx)


# revision


@generator
class Brighter(SoundSampler):
    def image(self, request: Request, shift: int = 0) -> NDArray[np.uint8]:
        return super().image(request, shift=10)
