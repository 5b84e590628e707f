"""The classifier ``command``: a program is trained on images with labels, and predicts images without."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cytobench.context import Context
from cytobench.contract import Checkpoints, Ran
from cytobench.images import Images
from cytobench_command.collect import holds_files, take_files, take_probabilities
from cytobench_command.config import CommandTrainConfig
from cytobench_command.folders import write_labelled, write_unlabelled
from cytobench_command.job import SEEDS, common_request, fresh_folder, run_job
from cytobench_command.ran import what_ran

MODEL, LAST = "model", "last"


class CommandClassifier:
    """Runs the commands ``train`` and ``predict``."""

    def __init__(self, config: CommandTrainConfig) -> None:
        self._config = config

    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        """Leave what the program leaves in ``ctx.out/model`` and ``ctx.out/last``, and its log.

        Where it leaves nothing as its last epoch's, the picked model is that too. Raises CytobenchError if it fails.
        """
        work = fresh_folder(ctx.out / "work")
        for images, name in ((train, "train"), (val, "validation")):
            write_labelled(images, work / name, ctx.check_stop)
        out, last = fresh_folder(work / "out"), fresh_folder(work / "last")
        request = {
            **common_request("train", work, ctx),
            "seed": ctx.seed % SEEDS,
            "prompts": dict(train.prompts),
            "train": str(work / "train"),
            "validation": str(work / "validation"),
            "selection": ctx.selection,
            "recolouring": None if ctx.recolouring is None else list(ctx.recolouring),
            "corners": ctx.corners,
            "train_only": list(ctx.train_only),
            "out": str(out),
            "last": str(last),
        }
        run_job("train", self._config.train, request, self._config.timeout, ctx)
        take_files(out, ctx.out / MODEL, "train")
        two = holds_files(last)
        if two:
            take_files(last, ctx.out / LAST, "train")
        shutil.rmtree(work)
        return Checkpoints(picked=ctx.out / MODEL, last=ctx.out / (LAST if two else MODEL))

    def open(self, checkpoint: Path, ctx: Context) -> CommandPredictor:
        """Copy the model into a work folder; the program is started for every split."""
        return CommandPredictor(self._config, checkpoint, ctx)


class CommandPredictor:
    """Starts the program for each set of images."""

    def __init__(self, config: CommandTrainConfig, checkpoint: Path, ctx: Context) -> None:
        self.ran: Ran = what_ran(config.predict, ctx)
        self._config, self._ctx = config, ctx
        self._work = fresh_folder(ctx.out / "work")
        # The program gets no path into the store, and one work folder has all.
        with ctx.time("load"):
            shutil.copytree(checkpoint, self._work / MODEL)

    def predict_proba(self, images: Images) -> NDArray[np.float32]:
        """Float32 (n, classes), rows sum to 1. Raises CytobenchError if the program fails, or for what it writes."""
        if not len(images):
            return np.empty((0, len(images.labels)), dtype=np.float32)
        folder, file = self._work / "images", self._work / "predictions.csv"
        shutil.rmtree(folder, ignore_errors=True)
        file.unlink(missing_ok=True)
        names = write_unlabelled(images, folder, self._ctx.check_stop)
        request = {
            **common_request("predict", self._work, self._ctx),
            "prompts": dict(images.prompts),
            "model": str(self._work / MODEL),
            "images": str(folder),
            "predictions": str(file),
        }
        run_job("predict", self._config.predict, request, self._config.timeout, self._ctx)
        return take_probabilities(file, names, images.labels, "predict")

    def close(self) -> None:
        """Remove the work folder."""
        shutil.rmtree(self._work, ignore_errors=True)
