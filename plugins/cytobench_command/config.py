"""Configurations of the generator and the classifier ``command``: command lines, and what identifies them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from cytobench.assets import AssetReference
from cytobench.contract import PluginConfig, SampleConfig, Scope
from cytobench.errors import UserError
from cytobench_command.line import (
    check_files,
    check_line,
    file_references,
    program_version,
    split_line,
    version_output,
)

EVERYWHERE = ("request", "work", "device", "dtype", "workers")
"""Places in every command line."""
FIT_PLACES = (*EVERYWHERE, "seed", "label", "shots", "out")
SAMPLE_PLACES = (*EVERYWHERE, "label", "artefact", "out")
TRAIN_PLACES = (*EVERYWHERE, "seed", "train", "validation", "selection", "out", "last")
PREDICT_PLACES = (*EVERYWHERE, "model", "images", "predictions")


def _places(places: Sequence[str]) -> AfterValidator:
    return AfterValidator(lambda line: check_line(line, places))


def _splittable(line: str) -> str:
    split_line(line)
    return line


class ProgramConfig(PluginConfig):
    """What the generator and the classifier have in common."""

    immaterial: ClassVar[frozenset[str]] = frozenset({"timeout"})

    version: Annotated[str, AfterValidator(_splittable)] | None = None
    """A further command whose output is part of what identifies the program, for example ``env/bin/pip freeze``."""
    files: tuple[str, ...] = ()
    """Files and folders that the program reads and the command lines do not name."""
    timeout: float = Field(default=86400, gt=0)
    """Seconds that one start of a program may take."""

    def lines(self) -> Mapping[str, str]:
        """The command lines by option."""
        return {}

    def assets(self) -> Mapping[str, AssetReference]:
        """The files that command lines name, and ``files``: folders with all that is in them. Raises UserError."""
        assets = _file_assets(self.lines())
        for number, path in enumerate(self.files):
            if not Path(path).exists():  # it would be taken for a Hub id
                raise UserError(f"command.files: there is no file or folder {path} in {Path.cwd()}.")
            assets[f"files[{number}]"] = AssetReference(path, ("**/*",), configuration=())
        return assets

    def versions(self) -> Mapping[str, str]:
        """What the programs say of their version. Raises UserError for a program that is not here."""
        further = {} if self.version is None else {"version": version_output(self.version)}
        return _versions(self.lines()) | further


class CommandFitConfig(ProgramConfig):
    """How the generator is tuned; without ``fit`` it is not tuned, and its images are taken as made elsewhere."""

    fit: Annotated[str, _places(FIT_PLACES)] | None = None
    """Tunes on shots and leaves an artefact."""
    scope: Literal["class", "dataset"] = "class"
    """Whether one fit sees the shots of one class or of all."""

    @field_validator("scope")
    @classmethod
    def _of_a_fit(cls, scope: str, info: ValidationInfo) -> str:
        if scope != "class" and info.data.get("fit") is None:
            raise ValueError("says what one fit sees, and there is no fit. Set fit as well, or leave scope out")
        return scope

    def lines(self) -> Mapping[str, str]:
        """That of the fit, if there is one."""
        return {} if self.fit is None else {"fit": self.fit}

    def fit_scope(self) -> Scope:
        """``none`` without a fit."""
        return "none" if self.fit is None else self.scope

    def made_elsewhere(self) -> bool:
        """Without a fit nothing says what the program's model has seen."""
        return self.fit is None


class CommandSampleConfig(SampleConfig):
    """How images are drawn. ``batch_size`` is how many one start of the program draws."""

    batch_size: int = 20
    sample: Annotated[str, _places(SAMPLE_PLACES)]
    """Draws images from an artefact."""

    def assets(self) -> Mapping[str, AssetReference]:
        """The files that the command line names."""
        return _file_assets({"sample": self.sample})

    def versions(self) -> Mapping[str, str]:
        """What the program says of its version. Raises UserError if it is not here."""
        return _versions({"sample": self.sample})


class CommandTrainConfig(ProgramConfig):
    """How the classifier is trained and predicts."""

    train: Annotated[str, _places(TRAIN_PLACES)]
    """Trains on images with labels and leaves a model."""
    predict: Annotated[str, _places(PREDICT_PLACES)]
    """Predicts images without labels with that model."""

    def lines(self) -> Mapping[str, str]:
        """Both."""
        return {"train": self.train, "predict": self.predict}


def _file_assets(lines: Mapping[str, str]) -> dict[str, AssetReference]:
    assets: dict[str, AssetReference] = {}
    for option, line in lines.items():
        assets |= file_references(option, line)
    return assets


def _versions(lines: Mapping[str, str]) -> dict[str, str]:
    """Of each line's program, by ``fit --version`` and so on, as far as they tell one."""
    versions = {}
    for option, line in lines.items():
        check_files(option, line)
        version = program_version(option, line)
        if version is not None:
            versions[f"{option} --version"] = version
    return versions
