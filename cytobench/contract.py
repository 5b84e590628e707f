"""The plugin contract: what a plugin offers (specs) and what its classes must do (protocols).

A plugin is a module named by an entry point of the group ``cytobench``. It implements hooks of
:mod:`cytobench.hookspecs` with the marker ``hookimpl`` and returns the frozen specs below. Factories and
configurations are named as ``"module:Class"`` and are imported only when they are used, so that listing plugins
stays fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

import pluggy
from pydantic import BaseModel, ConfigDict, field_validator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cytobench._dataset import Dataset
    from cytobench.assets import AssetReference
    from cytobench.context import Context
    from cytobench.images import Images

CONTRACT = 1
"""The version of this contract; a spec with another one is refused by name."""

hookimpl = pluggy.HookimplMarker("cytobench")

Scope = Literal["none", "class", "dataset"]
Role = Literal["candidate", "control", "oracle"]
"""What a generator or classifier is in a table for: to be judged, to be beaten, or to show what could be reached."""


class PluginConfig(BaseModel):
    """Base of plugin configurations: frozen, unknown keys, infinity and not-a-number refused, values per preset.

    ``presets`` maps a preset's name to the values that differ from the defaults of the fields. ``optional_assets`` are
    fields that name an asset or None; without one they are no part of a content address. ``added`` are fields that came
    after the plugin's first results: at their default, which computes what was computed before and never changes, they
    are left out of content addresses, records and resolved benchmarks, so that earlier work is still found.
    ``immaterial`` are fields that never change what comes out, such as a time limit: they are left out of the same, so
    that another value finds the same work.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    optional_assets: ClassVar[frozenset[str]] = frozenset()
    added: ClassVar[frozenset[str]] = frozenset()
    immaterial: ClassVar[frozenset[str]] = frozenset()

    def assets(self) -> Mapping[str, AssetReference]:
        """Weights or folders this configuration needs, by the name of the field that names each.

        ``ctx.assets`` holds them resolved under the same names.
        """
        return {}

    def versions(self) -> Mapping[str, str]:
        """Texts that say what is run besides this package and the assets, by name, for example a program's version.

        They are part of content addresses and records. Asked once a run, before any work. Raises UserError for what is
        not to be had here.
        """
        return {}

    def fit_scope(self) -> Scope | None:
        """What one fit sees, where settings decide it; None leaves it to the spec. Asked of fit configurations."""
        return None

    def made_elsewhere(self) -> bool:
        """Whether images or weights come from outside the run, so that they may have seen the test images."""
        return False

    def optimizer_steps(self, images: int, classes: int) -> int | None:
        """Optimiser steps of a fit or training, for the plan of a run; None where there are none.

        ``images`` is how many images it is given, ``classes`` how many classes they are of.
        """
        return None

    def cautions(self, images: int, classes: int) -> Sequence[str]:
        """What a user should know of a fit or training on so many images before it runs, a sentence each.

        For settings that are allowed and hardly meant, such as a warm-up that is longer than the training. Nothing is
        refused. Arguments are as of :meth:`optimizer_steps`.
        """
        return ()

    def validations(self) -> int:
        """How often a training predicts its validation images, for the plan of a run."""
        return 0

    def with_steps(self, steps: int, images: int) -> Self:
        """This configuration with about so many optimiser steps on so many images, at least one pass or step.

        A plan times such short stages (``--calibrate``): it may leave out what changes the number of steps and not what
        one costs. Where there are no optimiser steps it stays as it is.
        """
        return self


class SampleConfig(PluginConfig):
    """Base of sample configurations. The host asks for images in whole blocks of ``batch_size``."""

    batch_size: int = 8

    @field_validator("batch_size")
    @classmethod
    def _at_least_one(cls, value: int) -> int:
        if value < 1:
            raise ValueError("must be at least 1")
        return value


@dataclass(frozen=True)
class PluginSpec:
    """What every spec says."""

    name: str
    """What users type."""
    summary: str
    """One line for ``cytobench plugins``."""
    contract: int
    """The version of the contract that the plugin is written for: :data:`CONTRACT`."""
    revision: int
    """Raised by the author whenever outputs change for the same inputs."""
    factory: str
    """``"module:attribute"``, imported when it is used."""


@dataclass(frozen=True)
class GeneratorSpec(PluginSpec):
    """A generator on offer. ``scope`` is what one fit sees: nothing, one class's shots, or all classes' shots."""

    fit_config: str
    sample_config: str
    scope: Scope
    datasets: tuple[str, ...] = ()
    """Data sets the generator works on; empty for all."""
    per_fold: bool = False
    """Whether its images differ by fold without a fit (images made elsewhere for each fold)."""
    seeded: bool = True
    """Whether another seed gives another image; not where images are picked in turn, as copies of the shots are."""
    role: Role = "candidate"
    """A control or an oracle is never what a verdict is about, as long as there is a candidate."""
    images_are: str = ""
    """What the images of a control are, in the plural, for verdicts: ``copies of the shots``."""


@dataclass(frozen=True)
class ClassifierSpec(PluginSpec):
    """A classifier on offer. ``title`` is what tables show, a format string over the configuration's fields."""

    config: str
    title: str = ""
    learns: bool = True
    """Whether it looks at images at all; a control that guesses does not."""
    role: Role = "candidate"
    """As of :class:`GeneratorSpec`."""
    count_tokens: str = ""
    """``"module:function"`` of one that reads prompts: how many tokens each of a list of texts has, for it."""
    cut_off: str = ""
    """The same: the end of a text that it does not see; empty if it sees all."""


@dataclass(frozen=True)
class DatasetSpec(PluginSpec):
    """A data set on offer: ``factory`` names a function ``(folder: Path) -> Dataset`` that may write in folder."""

    public: bool
    drawn: bool = False
    """Whether a program drew the images: tables then say that figures mean nothing for real cells."""
    preset: str = "paper"
    synthetic: tuple[int, ...] = (0, 100)


@dataclass(frozen=True)
class ExtractorSpec(PluginSpec):
    """A feature extractor on offer: what fidelity is measured with. ``title`` is as of :class:`ClassifierSpec`."""

    config: str
    title: str = ""


@dataclass(frozen=True)
class MetricSpec(PluginSpec):
    """A metric on offer: ``factory`` names a :class:`MetricFunction`, which is imported when it is used."""

    title: str = ""
    """Its name in tables, ``macro F1``; the name itself if empty."""
    range: tuple[float | None, float | None] = (None, None)
    """The lowest and the highest value there can be; None where there is no bound."""
    higher_is_better: bool = True
    needs_probabilities: bool = False
    """Whether the function is given probabilities, not predicted classes."""
    of_one_class: bool = False
    """Whether it is of one class at a time: users then write ``NAME:LABEL``, and the function gives a value a class."""


@dataclass(frozen=True)
class Request:
    """One synthetic image to make: image ``index`` of ``label``, its noise from ``seed`` alone."""

    label: str
    prompt: str
    index: int
    seed: int


@dataclass(frozen=True)
class Ran:
    """What really ran, for every table: weights (name and short digest), architecture, side in pixels."""

    weights: str
    architecture: str
    resolution: int | None


@dataclass(frozen=True)
class Checkpoints:
    """Two checkpoints inside ``ctx.out``: the one picked on validation, and that of the last epoch.

    ``curves`` are the training curves, one mapping an epoch (for example epoch, train_loss, val_loss, val_f1_macro).
    """

    picked: Path
    last: Path
    curves: Sequence[Mapping[str, float]] = field(default_factory=tuple)


class Generator(Protocol):
    """Made by ``factory(fit_config, sample_config)``."""

    def fit(self, shots: Images, ctx: Context) -> None:
        """Tune on the shots and leave files in ``ctx.out``. Not called where the scope is ``none``."""
        ...

    def open(self, artefacts: Mapping[str, Path], ctx: Context) -> Sampler:
        """Open for sampling. ``artefacts`` maps each label (scope ``class``) or ``""`` (``dataset``) to a folder."""
        ...


class Sampler(Protocol):
    """Draws images from an opened generator."""

    ran: Ran

    def sample(self, todo: Sequence[Request]) -> Iterator[tuple[Request, NDArray[np.uint8]]]:
        """Yield each request with its image, RGB uint8 (height, width, 3), in any order."""
        ...

    def close(self) -> None:
        """Free what was opened."""
        ...


class Classifier(Protocol):
    """Made by ``factory(config)``."""

    def fit(self, train: Images, val: Images, ctx: Context) -> Checkpoints:
        """Train, and leave the picked and the last checkpoint in ``ctx.out``."""
        ...

    def open(self, checkpoint: Path, ctx: Context) -> Predictor:
        """Open one checkpoint for prediction."""
        ...


class Predictor(Protocol):
    """Predicts with one checkpoint."""

    ran: Ran

    def predict_proba(self, images: Images) -> NDArray[np.float32]:
        """Return probabilities, float32 (n, classes), columns in the order of ``images.labels``, rows sum to 1."""
        ...

    def close(self) -> None:
        """Free what was opened."""
        ...


class Extractor(Protocol):
    """Made by ``factory(config)``."""

    def open(self, ctx: Context) -> OpenedExtractor:
        """Load the network. It stays as it is: an extractor learns nothing from the images it sees."""
        ...


class OpenedExtractor(Protocol):
    """Turns images into features."""

    ran: Ran

    def features(self, images: Images) -> NDArray[np.float32]:
        """Return features, finite float32 (n, d), d the same for all images, in the order of the images.

        The features of an image must not depend on the other images. Labels and prompts of the images say nothing.
        """
        ...

    def close(self) -> None:
        """Free what was opened."""
        ...


class MetricFunction(Protocol):
    """What a :class:`MetricSpec` names."""

    def __call__(
        self, true: NDArray[np.int64], predicted: NDArray[Any], labels: tuple[str, ...]
    ) -> float | NDArray[np.float64] | None:
        """Return one finite number for n predictions, or None where they allow none.

        ``labels`` are the classes that count, in column order. ``true`` is int64 (n,), the number of each image's class
        among them. ``predicted`` is int64 (n,), the same for the predicted class; numbers from ``len(labels)`` on are
        classes that are in training alone. Where the spec needs probabilities it is float64 (n, columns) in their
        place: a column for each of ``labels``, then those in training alone. Nothing of it can be written to.

        A metric of one class returns float64 (len(labels),), not-a-number where a class has no value.
        """
        ...


class DatasetFactory(Protocol):
    """What a :class:`DatasetSpec` names."""

    def __call__(self, folder: Path) -> Dataset:
        """Return the data set; files it draws go into ``folder``."""
        ...
