"""The generator ``command``: a program is tuned on shots, and draws images in blocks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cytobench.context import Context
from cytobench.contract import Ran, Request
from cytobench.images import Images
from cytobench_command.collect import take_files, take_image
from cytobench_command.config import CommandFitConfig, CommandSampleConfig
from cytobench_command.folders import write_labelled
from cytobench_command.job import SEEDS, common_request, fresh_folder, run_job
from cytobench_command.ran import what_ran

ARTEFACT = "artefact"


class CommandGenerator:
    """Runs the commands ``fit`` and ``sample``."""

    def __init__(self, fit_config: CommandFitConfig, sample_config: CommandSampleConfig) -> None:
        self._fit, self._sample = fit_config, sample_config

    def fit(self, shots: Images, ctx: Context) -> None:
        """Leave what the program leaves in ``ctx.out/artefact``, and its log. Raises CytobenchError if it fails."""
        line = self._fit.fit
        assert line is not None  # the scope is none without a fit
        work = fresh_folder(ctx.out / "work")
        write_labelled(shots, work / "shots", ctx.check_stop)
        out = fresh_folder(work / "out")
        tuned = sorted(set(shots.table["label"]))
        request = {
            **common_request("fit", work, ctx),
            "seed": ctx.seed % SEEDS,
            "label": tuned[0] if self._fit.scope == "class" else None,
            "prompts": dict(shots.prompts),
            "shots": str(work / "shots"),
            "out": str(out),
        }
        run_job("fit", line, request, self._fit.timeout, ctx)
        take_files(out, ctx.out / ARTEFACT, "fit")
        shutil.rmtree(work)

    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> CommandSampler:
        """Nothing is run yet: the program is started for every block."""
        return CommandSampler(self._sample.sample, self._fit.timeout, artefacts, ctx)


class CommandSampler:
    """Starts the program for each block of images."""

    def __init__(self, line: str, timeout: float, artefacts: Mapping[str, Path], ctx: Context) -> None:
        self.ran: Ran = what_ran(line, ctx)
        self._line, self._timeout = line, timeout
        self._artefacts, self._ctx = artefacts, ctx
        self._work = fresh_folder(ctx.out / "work")
        self._copied: Path | None = None

    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        """Yield the images of a block of one class. Raises CytobenchError if the program fails or one is missing."""
        label = todo[0].label
        out = fresh_folder(self._work / "images")
        files = {image: out / f"{image.index}.png" for image in todo}
        request = {
            **common_request("sample", self._work, self._ctx),
            "label": label,
            "artefact": self._artefact(label),
            "out": str(out),
            "images": [
                {"index": image.index, "prompt": image.prompt, "seed": image.seed % SEEDS, "path": str(file)}
                for image, file in files.items()
            ],
        }
        run_job("sample", self._line, request, self._timeout, self._ctx)
        for image, file in files.items():
            yield image, take_image(file, "sample", f"image {image.index} of {image.label}")

    def close(self) -> None:
        """Remove the work folder."""
        shutil.rmtree(self._work, ignore_errors=True)

    def _artefact(self, label: str) -> str | None:
        """A copy of the artefact of a class: the program gets no path into the store, and one work folder has all."""
        stored = self._artefacts.get(label, self._artefacts.get(""))
        if stored is None:
            return None
        copy = self._work / ARTEFACT
        if stored != self._copied:
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(stored / ARTEFACT, copy)
            self._copied = stored
        return str(copy)
