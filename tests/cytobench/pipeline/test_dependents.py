"""One change of anything that matters redoes exactly what depends on it: fits, images, trainings and records."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import cytobench_phantom
from cytobench.config.benchmark import make_benchmark
from cytobench.config.grid import Trial
from cytobench.config.resolve import Resolved, resolve
from cytobench.pipeline.graph import plan_trial
from cytobench.pipeline.plan import Planner, make_planner
from cytobench.plugins import Plugins, load_plugins

Keys = Mapping[str, str]
"""The key of every stage of a run, by its name: ``fit A``, ``images A``, ``train 0``, ``record 20``, ..."""

EVERY_FIT = {"fit A", "fit B", "fit C"}
EVERY_SET = {"images A", "images B", "images C"}
BASELINE = {"train 0", "record 0"}
AUGMENTED = {"train 20", "record 20"}
UNET = "sd/unet/diffusion_pytorch_model.safetensors"
VAE = "sd/vae/diffusion_pytorch_model.safetensors"
EVERYTHING = EVERY_FIT | EVERY_SET | BASELINE | AUGMENTED


class Place:
    """A data set, weights and settings that can be changed, and the keys they give."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.plugins: Plugins = load_plugins()
        self.edit: Callable[[Resolved], Resolved] = lambda resolved: resolved
        self.values: dict[str, Any] = {
            "dataset": str(root / "cells"),
            "preset": "pocket",
            "generator": ["sd21-lora"],
            "classifier": ["clip"],
            "synthetic": [0, 20],
            "shots": [2],
            "folds": 3,
            "fold": [0],
            "device": "cpu",
            "set": {"sd21-lora": {"weights": str(root / "sd")}, "clip": {"weights": str(root / "clip")}},
        }

    def planned(self) -> tuple[Planner, list[Trial]]:
        resolved = self.edit(resolve(make_benchmark(self.values, "options"), self.plugins))
        return make_planner(resolved, self.root / "store"), resolved.trials

    def keys(self) -> Keys:
        planner, trials = self.planned()
        found: dict[str, str] = {}
        for trial in trials:
            prediction = plan_trial(planner, trial)
            sample = prediction.training.sample
            if sample is not None:
                found |= {f"fit {fit.label}": fit.key for fit in sample.fits}
                found |= {f"images {share.label}": share.images.folder.name for share in sample.classes}
            found[f"train {trial.arm.n}"] = prediction.training.key
            found[f"record {trial.arm.n}"] = prediction.key
        return found

    def option(self, name: str, value: object) -> None:
        plugin, key = name.split(".")
        self.values["set"][plugin][key] = value

    def flip_byte(self, file: str) -> None:
        path = self.root / file
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)

    def flip_pixel(self, part: str) -> None:
        """Of an image of class A in this part of the fold: a shot, another training image, or one held out."""
        planner, trials = self.planned()
        trial = next(trial for trial in trials if trial.arm.n)
        fold, shots = planner.fold(trial), planner.shots(trial)["A"]
        labels = planner.dataset.table["label"].to_numpy()
        rows = {
            "shot": shots,
            "training": np.setdiff1d(fold.train, shots),
            "validation": fold.val,
            "test": fold.test,
        }[part]
        file = planner.dataset.path(next(row for row in rows if labels[row] == "A"))
        pixels = np.asarray(Image.open(file)).copy()
        pixels[3, 4, 1] ^= 1
        Image.fromarray(pixels).save(file)

    def revise(self, what: str) -> None:
        """Raise the revision of the generator or of the classifier, or the version of the protocol."""

        def edit(resolved: Resolved) -> Resolved:
            if what == "protocol":
                return replace(resolved, protocol=replace(resolved.protocol, version=99))
            [ready] = getattr(resolved, f"{what}s")
            newer = replace(ready.offer, spec=replace(ready.offer.spec, revision=99))
            return replace(resolved, **{f"{what}s": [replace(ready, offer=newer)]})

        self.edit = edit


@pytest.fixture
def place(cells: Path, tmp_path: Path) -> Place:
    """The noise cells, and copies of the pocket weights."""
    weights = Path(cytobench_phantom.__file__).parent / "weights"
    for name in ("sd", "clip"):
        shutil.copytree(weights / name, tmp_path / name)
    return Place(tmp_path)


GENERATED = EVERY_FIT | EVERY_SET | AUGMENTED
CASES: dict[str, tuple[Callable[[Place], object], set[str]]] = {
    "a pixel of a shot": (
        lambda place: place.flip_pixel("shot"),
        {"fit A", "images A"} | BASELINE | AUGMENTED,
    ),
    "a pixel of another training image": (lambda place: place.flip_pixel("training"), BASELINE | AUGMENTED),
    "a pixel of a validation image": (lambda place: place.flip_pixel("validation"), BASELINE | AUGMENTED),
    "a pixel of a test image": (lambda place: place.flip_pixel("test"), {"record 0", "record 20"}),
    "a generator's prompt": (
        lambda place: place.values.update(prompts={"A": {"generator": "a cell"}}),
        {"fit A", "images A"} | AUGMENTED,
    ),
    "a classifier's prompt": (
        lambda place: place.values.update(prompts={"A": {"classifier": "a cell"}}),
        BASELINE | AUGMENTED,
    ),
    "a setting of the fit": (lambda place: place.option("sd21-lora.lr", 1e-3), GENERATED),
    "a setting of the sampling": (lambda place: place.option("sd21-lora.steps", 5), EVERY_SET | AUGMENTED),
    "a setting of the classifier": (lambda place: place.option("clip.epochs", 3), BASELINE | AUGMENTED),
    "a byte of the UNet": (lambda place: place.flip_byte(UNET), GENERATED),
    "a byte of the autoencoder": (lambda place: place.flip_byte(VAE), GENERATED),
    "a byte of the text encoder": (lambda place: place.flip_byte("sd/text_encoder/model.safetensors"), GENERATED),
    "a byte of CLIP": (lambda place: place.flip_byte("clip/open_clip_model.safetensors"), BASELINE | AUGMENTED),
    "the generator's revision": (lambda place: place.revise("generator"), GENERATED),
    "the classifier's revision": (lambda place: place.revise("classifier"), BASELINE | AUGMENTED),
    "the protocol's version": (lambda place: place.revise("protocol"), {"record 0", "record 20"}),
    "the number of shots": (lambda place: place.values.update(shots=[3]), GENERATED),
    "the seed": (lambda place: place.values.update(seed=7), EVERYTHING),
    "the number of workers": (lambda place: place.values.update(workers=2), set()),
    "the number of repeats": (lambda place: place.values.update(repeats=2), set()),
    "where the weights lie": (
        lambda place: place.option("clip.weights", str((place.root / "clip").rename(place.root / "moved"))),
        set(),
    ),
    "a file beside the weights": (lambda place: (place.root / "sd" / "README.md").write_text("a mirror"), set()),
}


@pytest.mark.parametrize("name", CASES)
def test_one_change_redoes_exactly_what_depends_on_it(place: Place, name: str) -> None:
    change, redone = CASES[name]
    before = place.keys()
    assert set(before) == EVERYTHING
    change(place)
    after = place.keys()
    assert {stage for stage in EVERYTHING if before[stage] != after[stage]} == redone
