"""The declaration of a benchmark: data set x protocol x generators x classifiers x counts, one TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Mapping
from numbers import Integral
from pathlib import Path
from typing import Annotated, Any

import tomli_w
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from cytobench.config.validation import explain
from cytobench.errors import UserError

Scalar = bool | int | float | str


def _names(value: Any) -> Any:
    """One name as a list of one; anything else stays, to be checked."""
    return [value] if isinstance(value, str) else value


def _numbers(value: Any) -> Any:
    """One number as a list of one; anything else stays, to be checked."""
    return [value] if isinstance(value, Integral) and not isinstance(value, bool) else value


def _text(value: Any) -> Any:
    """A path as a text; anything else stays, to be checked."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _plain(value: Any) -> Any:
    value = _text(value)
    if not isinstance(value, (bool, int, float, str, list, tuple)):
        raise ValueError("is no setting: write a number, a text, true, false, or a list of them")
    return value


Value = Annotated[Scalar | list[Scalar], BeforeValidator(_plain)]


def _ascending(numbers: tuple[int, ...]) -> tuple[int, ...]:
    if any(number < 0 for number in numbers):
        raise ValueError("must not be negative")
    return tuple(sorted(set(numbers)))


Numbers = Annotated[tuple[int, ...], BeforeValidator(_numbers), AfterValidator(_ascending)]
"""Not negative, each once, ascending; one alone may be given as it is."""


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


Names = Annotated[tuple[str, ...], BeforeValidator(_names), AfterValidator(_once)]
"""Each once, in the order given; one alone may be given as it is."""

Text = Annotated[str, BeforeValidator(_text)]
"""A name or a path."""


class PromptPair(BaseModel):
    """The two prompts of a class; what is absent is filled from the data set, the built-in ones or the template."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    generator: str | None = None
    classifier: str | None = None


class Analysis(BaseModel):
    """What is to be concluded, declared before there are results: a metric, a reference and a family of comparisons.

    It changes no work and is in no content address.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str = "f1_macro"
    """Any on offer, also of one class (``recall:LABEL``): on test, of the real images alone where a protocol pools."""
    reference: str = "none/*/s0/n0"
    """The row to compare with, or a pattern (``*``, ``?``) that gives each row the one of its classifier."""
    comparisons: Names = ("*",)
    """Rows, or patterns of rows: those compared with the reference, and the family that p-values are adjusted for."""
    baselines: Names = ()
    """Rows, or patterns of rows: those among which validation picks the best, which the headline is compared with."""

    @field_validator("comparisons")
    @classmethod
    def _some(cls, comparisons: tuple[str, ...]) -> tuple[str, ...]:
        if not comparisons:
            raise ValueError("must name at least one row or pattern")
        return comparisons


class Variant(BaseModel):
    """An installed plugin under another name. All further keys are settings of the plugin, over the preset's."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Value] = Field(init=False)

    plugin: str
    synthetic: Annotated[tuple[int, ...], BeforeValidator(_numbers)] | None = None
    """The numbers of synthetic images a class it runs with, of those of the benchmark; None for all."""

    @property
    def settings(self) -> Mapping[str, Value]:
        """The settings, by key."""
        return self.__pydantic_extra__


class Scale(BaseModel):
    """Numbers of a benchmark's grid at one preset, in place of the benchmark's own; None leaves those."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    synthetic: Numbers | None = None
    shots: Numbers | None = None
    fold: Numbers | None = None
    repeats: int | None = Field(default=None, ge=1)


class Scales(BaseModel):
    """A benchmark's numbers by preset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paper: Scale = Scale()
    pocket: Scale = Scale()


class Benchmark(BaseModel):
    """What a run does. Field names are the names of the options and of the keys of the TOML file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Text = "phantom"
    protocol: str = "strict"
    preset: str | None = None
    """``paper`` or ``pocket``; None asks the data set."""
    generator: Names = ()
    classifier: Names = ()
    extractor: Names = ()
    """What the fidelity of synthetic images is measured with; none by default."""
    synthetic: Numbers | None = None
    """Synthetic images a class; None asks the data set (0 and 100; phantom: 0 and 20)."""
    shots: Numbers = (16,)
    select: Text = "random"
    """How shots are chosen: ``random``, ``first``, ``sharpest`` or a file that lists images."""
    folds: int = Field(default=5, ge=3)
    fold: Numbers | None = None
    """Which folds run, from 0; None for all."""
    seed: int = Field(default=42, ge=0)
    repeats: int = Field(default=1, ge=1)
    """How often the whole protocol is run (folds, shots, training, sampling): with ``seed``, ``seed`` + 1, ..."""
    limit: int | None = Field(default=None, ge=1)
    train_only: Names = ()
    trained_on: Text | None = None
    """What generators made elsewhere have seen: a file that lists images, ``per-fold`` or ``external``."""
    merge: Names = ()
    """Classes taken as one, each ``A,B=NAME``."""
    external_test: Text | None = None
    """An outside test set, by name or path: every trial's model predicts it too, and its scores stand apart."""
    device: str | None = None
    """A torch device; None takes the accelerator if there is one."""
    workers: int = Field(default=0, ge=0)
    set: Mapping[str, Mapping[str, Value]] = Field(default_factory=dict)
    """Values of plugin configurations that differ from the preset, by plugin (or variant) and key."""
    variants: Mapping[str, Variant] = Field(default_factory=dict)
    """Plugins under further names, by name; ``generator`` and ``classifier`` take these names as well."""
    prompts: Mapping[str, PromptPair] = Field(default_factory=dict)
    analysis: Analysis = Analysis()
    presets: Scales | None = None
    """Numbers of the grid that hold at one preset alone; None once the preset is settled."""

    def at(self, preset: str, overridden: Collection[str] = ()) -> Benchmark:
        """The benchmark with the numbers it has for a preset, but for those ``overridden`` by name, which stay."""
        scale = getattr(self.presets, preset) if self.presets and preset in Scales.model_fields else Scale()
        numbers = scale.model_dump(exclude_none=True, exclude=set(overridden))
        return self.model_copy(update={**numbers, "presets": None})

    def to_toml(self) -> str:
        """This benchmark as a TOML document that runs it again."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True, exclude_defaults=False))


def read_benchmark(path: Path) -> Benchmark:
    """Read a benchmark from a TOML file. Raises UserError naming the file and the key."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no TOML file: {error}") from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    return make_benchmark(values, str(path))


def make_benchmark(values: Mapping[str, Any], source: str) -> Benchmark:
    """Validate a benchmark's values; ``source`` names them in the message."""
    try:
        return Benchmark.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{source}: {explain(error, Benchmark)}") from error
