"""Weights and folders that plugins need: found once before any stage, then known by path and digest.

A reference is ``package:NAME/PATH`` (shipped inside an installed package), a local file or folder, or a Hub id
(``owner/name``). Only the resolution of a Hub id may touch the network, never inside a stage, and not where it is told
to fetch nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cytobench._home import expanded, home_folder
from cytobench.errors import ChangedFile, UserError, option, setting

_CACHES = frozenset({"HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"})
"""Variables that say where the Hugging Face cache is; without one it is in the home folder."""

BOOKKEEPING = frozenset(
    {
        "_name_or_path",
        "name_or_path",
        "_commit_hash",
        "_diffusers_version",
        "transformers_version",
        "special_tokens_map_file",
        "tokenizer_file",
    }
)
"""Keys that libraries write into configurations to say where, and with which version, a model was saved."""


@dataclass(frozen=True)
class AssetReference:
    """What a configuration asks for.

    All that the loader reads counts for the digest: files that match ``patterns`` by their bytes, and files that match
    ``configuration`` by what they say, so that mirrors compare equal: JSON whatever its order, spaces and the keys in
    ``ignored``, other text whatever its line ends. ``extra`` files are fetched from the Hub as well and do not count.
    All are glob patterns relative to the folder.
    """

    source: str
    patterns: tuple[str, ...] = ("**/*.safetensors",)
    configuration: tuple[str, ...] = ("**/*.json", "**/*.txt")
    extra: tuple[str, ...] = ()
    ignored: frozenset[str] = BOOKKEEPING
    """Keys of JSON files that the loader does not read, at every depth; a key with a whole number, as those of a
    vocabulary are, counts all the same."""
    reads: Callable[[Path], Iterable[str]] | None = None
    """Which files the loader reads, where patterns cannot tell: given the file or folder on this machine, their paths
    relative to the folder, which of a single file is the one that it lies in. None is every file that matches."""
    otherwise: str = ""
    """How to do without, for the message where it cannot be had; empty for: at the scale of the preset ``pocket``."""

    @property
    def last_way_out(self) -> str:
        """How to do without, in words."""
        return self.otherwise or f"run at pocket scale with {option('preset', 'pocket')}"


Stamp = tuple[int, int, int]
"""Size in bytes, and times of change of content and of metadata in ns: what tells that a file is the same."""

_PUT_BACK = "Put that one back, or run the same command again: it plans anew with what is there."


@dataclass(frozen=True)
class FileState:
    """A file when it was hashed: its stamp just before, and SHA-256 of its bytes in hex."""

    stamp: Stamp
    digest: str


@dataclass(frozen=True)
class Asset:
    """A resolved reference: ``path`` is a file or folder on this machine, ``digest`` a SHA-256 in hex of all of it."""

    source: str
    path: Path
    digest: str
    weights: str = ""
    """SHA-256 of the files that count by their bytes alone; empty where there are no others."""
    configuration: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of what each configuration file says, by its path in the folder."""
    files: Mapping[str, FileState] = field(default_factory=dict, compare=False)
    """All of these files, by path in the folder; a single file has its name."""

    def file(self, name: str) -> Path:
        """Where one of ``files`` lies."""
        return (self.path if self.path.is_dir() else self.path.parent) / name

    def read(self, name: str) -> bytes:
        """The content of one of ``files``. Raises ChangedFile where it is not what the work was planned with."""
        file = self.file(name)
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ChangedFile(f"{file} cannot be read any more: {error.strerror}. {_PUT_BACK}") from None
        if hashlib.sha256(content).hexdigest() != self.files[name].digest:
            raise ChangedFile(f"{file} is not what the work was planned with. {_PUT_BACK}")
        return content

    def refuse_changes(self) -> None:
        """Raise ChangedFile where one of ``files`` is not what the work was planned with.

        A file with the size and times that it had is taken to be the same; another one is hashed again.
        """
        for name, state in self.files.items():
            file = self.file(name)
            try:
                same = stamp_of(file) == state.stamp or file_digest(file) == state.digest
            except OSError:
                same = False
            if not same:
                raise ChangedFile(f"{file} is not what the work was planned with. {_PUT_BACK}")


@dataclass(frozen=True)
class Inventory:
    """A resolved reference with the SHA-256 (hex) of each file that it needs, by the file's path in the folder."""

    asset: Asset
    folder: Path
    """Where the files are; of a single file the folder that it lies in."""
    counted: Mapping[str, str]
    """The files that count by their bytes; a single file has its name."""
    extra: Mapping[str, str]

    @property
    def configuration(self) -> Mapping[str, str]:
        """The files that count by what they say."""
        return self.asset.configuration


def resolve_asset(reference: AssetReference, name: str) -> Asset:
    """Find a reference on this machine or fetch it from the Hub.

    ``name`` is the plugin's option that has it (``sd21-lora.weights``), for the message. Raises
    :class:`~cytobench.errors.UserError` naming the source, where it was looked for and the ways out.
    """
    return _identified(reference, name, _locate(reference, name, fetch=True)).asset


def take_inventory(reference: AssetReference, name: str, fetch: bool) -> Inventory:
    """Find a reference as :func:`resolve_asset` does, and hash its extra files as well.

    Without ``fetch`` the network is not touched.
    """
    path = _locate(reference, name, fetch)
    inventory = _identified(reference, name, path)
    beside = [] if path.is_file() else _matching(path, reference.extra)
    known = {*inventory.counted, *inventory.configuration}
    return replace(inventory, extra={file: file_digest(path / file) for file in beside if file not in known})


def _identified(reference: AssetReference, name: str, path: Path) -> Inventory:
    """The asset with the digest of each file that counts. Raises UserError where there is none."""
    folder = path.parent if path.is_file() else path
    weights = [path.name] if path.is_file() else _matching(path, reference.patterns)
    configuration = [] if path.is_file() else _matching(path, reference.configuration)
    if reference.reads is not None:
        read = sorted(set(reference.reads(path)))
        weights = weights if path.is_file() else [file for file in weights if file in read]
        configuration = [file for file in read if file not in weights]
    if not weights:
        raise UserError(
            f"{name}: {path} holds no file matching {', '.join(reference.patterns)}. "
            f"Name another file or folder with {_another(name)}."
        )
    files = {file: _state(folder / file) for file in (*weights, *configuration)}
    counted = {file: files[file].digest for file in weights}
    meanings = {file: _meaning(folder / file, reference.ignored) for file in configuration if file not in counted}
    digest = _joined(counted)
    asset = Asset(reference.source, path, digest, files=files)
    if meanings:
        # The weights without their names: those of a single file may have another name elsewhere.
        asset = Asset(reference.source, path, _joined({"": digest, **meanings}), digest, meanings, files)
    return Inventory(asset, folder, counted, {})


def _meaning(path: Path, ignored: frozenset[str]) -> str:
    """SHA-256 of what a configuration file says, in hex: of JSON the values, of other text the lines."""
    content = path.read_bytes()
    try:
        text = content.decode()
        if path.suffix == ".json":
            text = json.dumps(_without(json.loads(text), ignored), sort_keys=True, separators=(",", ":"))
        content = "\n".join(text.splitlines()).encode()
    except (ValueError, RecursionError):
        pass  # no text, or no JSON: known by its bytes, and for the loader to judge
    return hashlib.sha256(content).hexdigest()


def _without(value: Any, ignored: frozenset[str]) -> Any:
    """JSON without the keys that nothing reads."""
    if isinstance(value, list):
        return [_without(entry, ignored) for entry in value]
    if not isinstance(value, dict):
        return value
    read = {key: entry for key, entry in value.items() if key not in ignored or type(entry) is int}
    return {key: _without(entry, ignored) for key, entry in read.items()}


def _another(name: str) -> str:
    """How another place is named for an asset."""
    plugin, _, key = name.rpartition(".")
    return setting(plugin, key, "PATH")


def _locate(reference: AssetReference, name: str, fetch: bool) -> Path:
    source = reference.source
    if source.startswith("package:"):
        package, _, inner = source.removeprefix("package:").partition("/")
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise UserError(f"{name}: {source} needs the package {package}, which is not installed.")
        path = Path(next(iter(spec.submodule_search_locations))) / inner
        if not path.exists():
            raise UserError(f"{name}: {source} names {path}, which does not exist.")
        return path
    local = expanded(source)
    if local.exists():
        return local.resolve()
    return _from_hub(reference, name, fetch)


def _from_hub(reference: AssetReference, name: str, fetch: bool) -> Path:
    source = reference.source
    ways_out = (
        f"Ways out: name a local folder or file with {_another(name)}; fetch it beforehand on a machine with "
        f"internet (cytobench assets fetch) into the Hugging Face cache (HF_HOME) and copy that; or "
        f"{reference.last_way_out}."
    )
    parts = source.split("/")
    if len(parts) != 2 or not all(parts) or source.startswith((".", "~")):
        raise UserError(f"{name}: {source} is no file or folder here and no Hub id (owner/name). {ways_out}")
    if home_folder() is None and os.environ.keys().isdisjoint(_CACHES):
        raise UserError(
            f"{name}: the weights {source} are no file or folder here, and you have no home folder where the Hugging "
            f"Face cache could be: name one with HF_HOME. {ways_out}"
        )
    from huggingface_hub import constants, snapshot_download

    patterns = (*reference.patterns, *reference.configuration, *reference.extra)
    # The Hub's client takes "**/" for one folder or more; in a glob it is also none.
    forms = [*patterns, *(pattern.replace("**/", "") for pattern in patterns if "**/" in pattern)]
    try:
        folder = snapshot_download(source, allow_patterns=forms, local_files_only=not fetch)
    except Exception as error:  # the Hub client raises many unrelated types; each means "not to be had"
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        asked = f", and {constants.ENDPOINT}" if fetch else ""
        raise UserError(
            f"{name}: the weights {source} cannot be had. Tried: the local path ./{source}, the Hub cache "
            f"{constants.HF_HUB_CACHE}{asked} ({type(error).__name__}: {reason}). {ways_out}"
        ) from error
    return Path(folder)


def _matching(folder: Path, patterns: Iterable[str]) -> list[str]:
    """The files in a folder that match, by their path in it, sorted."""
    files = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    return [path.relative_to(folder).as_posix() for path in files]


def _joined(digests: Mapping[str, str]) -> str:
    """SHA-256 over the files' own digests and their names; of a single file, its own digest."""
    if len(digests) == 1:
        return next(iter(digests.values()))
    joined = "".join(f"{name}\0{digest}\n" for name, digest in digests.items())
    return hashlib.sha256(joined.encode()).hexdigest()


def digests(assets: Mapping[str, Asset]) -> dict[str, str]:
    """The digest of each asset by name, in the order of the names."""
    return {name: asset.digest for name, asset in sorted(assets.items())}


def identities(assets: Mapping[str, Asset]) -> dict[str, Any]:
    """What a content address says of each asset: its digest, or the weights' and that of each configuration file.

    So a plan can say which file has changed.
    """
    return {
        name: {"weights": asset.weights, "configuration": dict(asset.configuration)}
        if asset.configuration
        else asset.digest
        for name, asset in sorted(assets.items())
    }


def refuse_changes(assets: Mapping[str, Asset]) -> None:
    """Raise ChangedFile where a file of these assets is not what the work was planned with."""
    for asset in assets.values():
        asset.refuse_changes()


def stamp_of(path: Path) -> Stamp:
    """The stamp of a file, now. Raises OSError."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _state(path: Path) -> FileState:
    return FileState(stamp_of(path), file_digest(path))


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
