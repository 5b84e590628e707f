"""The lock file of a benchmark: what it needs before its first stage, each thing with its digest, as JSON.

``{"version": 2, "items": {"clip.weights": {...}, "dataset": {...}}}``. It says what was had on one machine, so that
another one can be checked against it. Its paths are for the reader alone: none of them is ever opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from cytobench.atomic import write_bytes
from cytobench.errors import UserError

VERSION: Final = 2
"""Raised when a key of the lock file changes its meaning."""
SUFFIX = ".assets.json"

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hex."""


class LockedItem(BaseModel):
    """One thing that a benchmark needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """As the benchmark has it: a path, a Hub id, ``package:...``, or the name of a data set."""
    path: str
    """Where it lay on the machine that wrote the lock."""
    files: int = Field(ge=1)
    size: int = Field(ge=0)
    """Of all its files, in bytes."""
    digest: Digest
    """Of weights and folders as in :class:`~cytobench.assets.Asset`; of a data set that of its labels and pixels."""
    counted: Mapping[str, Digest] = Field(default_factory=dict)
    """The files that count by their bytes, by their path in the folder; left out where they are many. They tell which
    of them differ."""
    configuration: Mapping[str, Digest] = Field(default_factory=dict)
    """The files that count by what they say, whatever their spaces and the order of their keys."""
    extra: Mapping[str, Digest] = Field(default_factory=dict)
    """The files that are needed as well and do not count."""


class Lock(BaseModel):
    """Everything a benchmark needs, by option (``clip.weights``); the data set is ``dataset``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[2] = VERSION
    items: Mapping[str, LockedItem]

    def to_json(self) -> str:
        """The lock file's content."""
        return self.model_dump_json(indent=1)


class _Header(BaseModel):
    version: int


def lock_path(benchmark: Path) -> Path:
    """Where the lock of a benchmark lies unless another place is named: ``demo.toml`` has ``demo.assets.json``."""
    return benchmark.with_name(benchmark.stem + SUFFIX)


def write_lock(file: Path, lock: Lock) -> None:
    """Write a lock file whole or not at all. Raises UserError where it cannot be written."""
    try:
        write_bytes(file, (lock.to_json() + "\n").encode())
    except OSError as error:
        raise UserError(f"the lock file {file} cannot be written: {error.strerror}.") from error


def read_lock(file: Path) -> Lock:
    """Read a lock file. Raises UserError if there is none, or one that is damaged or of another version."""
    anew = "Write it anew with `cytobench assets fetch`"
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"there is no lock file {file}. Write it with `cytobench assets fetch`.") from error
    except OSError as error:
        raise UserError(f"the lock file {file} cannot be read: {error.strerror}.") from error
    try:
        version = _Header.model_validate_json(content).version
        if version != VERSION:
            raise UserError(f"the lock file {file} has version {version}; this cytobench reads {VERSION}. {anew}.")
        return Lock.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        key = "".join(f"{part}: " for part in first["loc"])
        raise UserError(f"the lock file {file} is damaged: {key}{first['msg']}. {anew}.") from error
