"""Weights and folders that plugins need: found once before any stage, then known by path and digest.

A reference is ``package:NAME/PATH`` (shipped inside an installed package), a local file or folder, or a Hub id
(``owner/name``). Only the resolution of a Hub id may touch the network, and never inside a stage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cytobench.errors import UserError


@dataclass(frozen=True)
class AssetReference:
    """What a configuration asks for.

    ``patterns`` are glob patterns of the files that count for the digest of a folder (and that are fetched from the
    Hub together with ``extra`` patterns, which are fetched but do not count). Both are relative to the folder.
    """

    source: str
    patterns: tuple[str, ...] = ("**/*.safetensors",)
    extra: tuple[str, ...] = ("**/*.json", "**/*.txt")


@dataclass(frozen=True)
class Asset:
    """A resolved reference: ``path`` is a file or folder on this machine, ``digest`` a SHA-256 in hex."""

    source: str
    path: Path
    digest: str


def resolve_asset(reference: AssetReference, option: str) -> Asset:
    """Find a reference on this machine or fetch it from the Hub.

    ``option`` is the option that names it (``sd21-lora.weights``), for the message. Raises
    :class:`~cytobench.errors.UserError` naming the source, where it was looked for and the ways out.
    """
    path = _locate(reference, option)
    files = [path] if path.is_file() else _counted(path, reference.patterns)
    if not files:
        raise UserError(
            f"{option}: {path} holds no file matching {', '.join(reference.patterns)}. "
            f"Name another file or folder with --set {option}=PATH."
        )
    root = path.parent if path.is_file() else path
    return Asset(reference.source, path, _digest(files, root))


def _locate(reference: AssetReference, option: str) -> Path:
    source = reference.source
    if source.startswith("package:"):
        package, _, inner = source.removeprefix("package:").partition("/")
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise UserError(f"{option}: {source} needs the package {package}, which is not installed.")
        path = Path(next(iter(spec.submodule_search_locations))) / inner
        if not path.exists():
            raise UserError(f"{option}: {source} names {path}, which does not exist.")
        return path
    local = Path(source).expanduser()
    if local.exists():
        return local.resolve()
    return _from_hub(reference, option)


def _from_hub(reference: AssetReference, option: str) -> Path:
    source = reference.source
    ways_out = (
        f"Ways out: name a local folder or file with --set {option}=PATH; fetch it beforehand on a machine with "
        f"internet into the Hugging Face cache (HF_HOME) and copy that; or run at pocket scale with --preset pocket."
    )
    parts = source.split("/")
    if len(parts) != 2 or not all(parts) or source.startswith((".", "~")):
        raise UserError(f"{option}: {source} is no file or folder here and no Hub id (owner/name). {ways_out}")
    from huggingface_hub import constants, snapshot_download

    try:
        found = snapshot_download(source, allow_patterns=[*reference.patterns, *reference.extra])
    except Exception as error:  # the Hub client raises many unrelated types; each means "not to be had"
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{option}: the weights {source} cannot be had. Tried: the local path ./{source}, the Hub cache "
            f"{constants.HF_HUB_CACHE}, and {constants.ENDPOINT} ({type(error).__name__}: {reason}). {ways_out}"
        ) from error
    return Path(found)


def _counted(folder: Path, patterns: Iterable[str]) -> list[Path]:
    return sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})


def _digest(files: list[Path], root: Path) -> str:
    """SHA-256 over the files' own SHA-256 digests and their names; of a single file, its own digest."""
    digests = {path.relative_to(root).as_posix(): file_digest(path) for path in files}
    if len(digests) == 1:
        return next(iter(digests.values()))
    joined = "".join(f"{name}\0{digest}\n" for name, digest in digests.items())
    return hashlib.sha256(joined.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
