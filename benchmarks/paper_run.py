"""The run that ``gpu_check.py`` takes apart: weights and images of its own, the preset ``paper``, and its stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cytobench.assets import file_digest
from cytobench.config.benchmark import Benchmark, make_benchmark
from cytobench.config.options import classifier_config, generator_configs
from cytobench.config.resolve import Resolved, resolve
from cytobench.errors import UserError
from cytobench.pipeline.plan import Planner, make_planner
from cytobench.pipeline.stages.fit import FitStage
from cytobench.pipeline.stages.sample import PlannedSample, SampleStage, plan_sample
from cytobench.plugins import load_plugins
from cytobench.protocols import Fold
from random_weights import PAPER, TOY, Shapes, save_cells, save_clip, save_diffusion

GENERATOR, CLASSIFIERS = "sd21-lora", ("resnet50", "clip")
LABELS = ("Basophil", "Eosinophil")
SHOTS = 16


@dataclass(frozen=True)
class Scale:
    """What is run, and the sizes that must be found."""

    shapes: Shapes
    device: str
    images: int
    """Real images a class, drawn ``side`` pixels wide."""
    side: int
    synthetic: int
    """Synthetic images a class."""
    options: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, int]
    """Parameters of each part of the pipeline."""
    adapters: Mapping[str, tuple[int, int]]
    """Parameters and tensors of each part's adapter."""


FULL = Scale(
    shapes=PAPER,
    device="cuda",
    images=80,  # 48 of them in training, with 16 synthetic ones a class: two batches of 64
    side=400,
    synthetic=16,
    options={"resnet50": {"epochs": 4, "warmup_epochs": 1}, "clip": {"epochs": 4, "warmup_epochs": 1}},
    parameters={"unet": 865_910_724, "text_encoder": 340_387_840, "vae": 83_653_863},
    adapters={"unet": (3_319_808, 256), "text_encoder": (3_014_656, 184)},
)
REHEARSAL = Scale(
    shapes=TOY,
    device="cpu",
    images=10,
    side=40,
    synthetic=24,
    options={
        "sd21-lora": {"resolution": 16},
        "resnet50": {"epochs": 2, "warmup_epochs": 1, "resolution": 32},
        "clip": {"epochs": 2, "warmup_epochs": 1, "resolution": 32, "model": "custom"},
    },
    parameters={"unet": 92_372, "text_encoder": 796_240, "vae": 43_711},
    adapters={"unet": (16_384, 64), "text_encoder": (4_096, 16)},
)


@dataclass(frozen=True)
class Length:
    """What the user chose: steps of a fit and of an image, classifiers, and values of ``--set``."""

    steps: int
    sampling_steps: int
    classifiers: tuple[str, ...]
    values: Mapping[str, Mapping[str, Any]]


class PaperRun:
    """A run of the preset ``paper``, short, in a work folder of its own."""

    def __init__(self, scale: Scale, work: Path, length: Length) -> None:
        self.scale, self.work, self.length = scale, work, length

    def options(self, plugin: str) -> dict[str, Any]:
        """What differs from the preset ``paper``: weights, length, at toy shapes also sizes, and what the user set."""
        defaults: dict[str, dict[str, Any]] = {
            "clip": {"weights": str(self.work / "clip")},
            GENERATOR: {
                "weights": str(self.work / "sd"),
                "train_steps": self.length.steps,
                "steps": self.length.sampling_steps,
            },
        }
        return {**defaults.get(plugin, {}), **self.scale.options.get(plugin, {}), **self.length.values.get(plugin, {})}

    def check_options(self) -> None:
        """Raise UserError for a wrong option before anything is written."""
        plugins = load_plugins()
        known = {GENERATOR, *self.length.classifiers}
        for name in self.length.values:
            if name not in known:
                raise UserError(f"--set {name}.…: {name} is not part of this check ({', '.join(sorted(known))}).")
        generator_configs(plugins.generator(GENERATOR).spec, "paper", self.options(GENERATOR))
        for name in self.length.classifiers:
            classifier_config(plugins.classifier(name).spec, "paper", self.options(name))

    def write_inputs(self) -> None:
        """Write weights and images into the work folder."""
        save_diffusion(self.work / "sd", self.scale.shapes)
        save_clip(self.work / "clip", self.scale.shapes)
        save_cells(self.work / "cells", LABELS, self.scale.images, self.scale.side)

    def benchmark(self, classifiers: Sequence[str]) -> Benchmark:
        """The declaration of a run on the images written."""
        plugins = (GENERATOR, *(name for name in classifiers if name in CLASSIFIERS))
        return make_benchmark(
            {
                "dataset": str(self.work / "cells"),
                "preset": "paper",
                "generator": [GENERATOR],
                "classifier": list(classifiers),
                "synthetic": [self.scale.synthetic],
                "shots": [SHOTS],
                "fold": [0],
                "device": self.scale.device,
                "set": {plugin: self.options(plugin) for plugin in plugins},
            },
            "gpu_check",
        )

    @cached_property
    def resolved(self) -> Resolved:
        """The run that the stages are those of."""
        return resolve(self.benchmark(self.length.classifiers), load_plugins())

    @cached_property
    def planner(self) -> Planner:
        """Its stages."""
        return make_planner(self.resolved, self.work / "store")

    @cached_property
    def fold(self) -> Fold:
        """The first fold."""
        return self.planner.divide(self.scale.synthetic)[0]

    @cached_property
    def fits(self) -> list[FitStage]:
        """A fit a class."""
        return [fit.build() for fit in self._sample.fits]

    @cached_property
    def sampling(self) -> SampleStage:
        """The sampling of all classes."""
        return self._sample.build()

    @cached_property
    def _sample(self) -> PlannedSample:
        return plan_sample(self.planner, self.resolved.generators[0], SHOTS, self.fold, self.scale.synthetic)

    @property
    def all_blocks(self) -> int:
        """How many blocks of images the sampling makes."""
        return sum(len(sampled.images.blocks(self.scale.synthetic)) for sampled in self.sampling.classes)

    def blocks(self) -> dict[tuple[str, int], tuple[str, int]]:
        """Of each finished block of images, by class and number: digest and time of writing."""
        blocks = {}
        for sampled in self.sampling.classes:
            for number in sampled.images.blocks(self.scale.synthetic):
                if sampled.images.report(number) is not None:
                    shard = sampled.images.shard(number)
                    blocks[sampled.label, number] = file_digest(shard), shard.stat().st_mtime_ns
        return blocks
