"""What a third-party plugin's code is: the digest of the files of the packages that it lies in.

Its author may forget to raise ``revision``; the files tell. An installation in place counts as any other: files are
found as Python finds them, and nothing is imported.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from cytobench.assets import file_digest
from cytobench.errors import UserError

CODE = (".py", ".pyd", ".so", ".dll", ".dylib")
"""How names of files with code end: these count whole, however large."""
LARGE = 2**20
"""Bytes from which on another file counts by its size alone: weights in a package are assets, known by their digest."""
MOST = 20_000
"""Files that a package may have."""


def code_packages(names: Iterable[str], host: str) -> tuple[str, ...]:
    """The packages, or lone modules, that these modules lie in, without those of the distribution ``host``.

    ``names`` are of modules (``package.module``) or of what is in them (``package.module:attribute``). A namespace
    package is nobody's: of ``lab.cells.net`` in the namespace ``lab`` it is ``lab.cells``.
    """
    modules = dict.fromkeys(name.partition(":")[0].strip() for name in names if name)
    return tuple(sorted({_owner(module) for module in modules if module.partition(".")[0] not in _packages_of(host)}))


def code_digest(packages: Iterable[str]) -> str:
    """SHA-256, in hex, over path and content of every file of these packages, as they are now.

    Left out are hidden files and folders, ``__pycache__`` and compiled bytecode. Links are followed. Files of
    :data:`LARGE` bytes and more that are no code count by their size. Raises UserError for a package of more than
    :data:`MOST` files.
    """
    digest = hashlib.sha256()
    for package in packages:
        spec = _spec(package)
        if spec is None:
            continue
        if not spec.submodule_search_locations:
            digest.update(f"{package}\0{_content(Path(spec.origin or ''))}\n".encode())
            continue
        for folder in map(Path, spec.submodule_search_locations):
            for number, file in enumerate(_files(folder)):
                if number == MOST:
                    raise UserError(
                        f"the package {package} ({folder}) holds more than {MOST} files, and all of them count for the "
                        "identity of its plugin. Move data out of it, or name it as an asset."
                    )
                name = f"{package}/{file.relative_to(folder).as_posix()}"
                digest.update(f"{name}\0{_content(file)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def first_used(packages: tuple[str, ...], code: str) -> str:
    """The digest of these packages when this process first used them: what it has imported is of then.

    ``code`` is what it is now. What was imported anew since counts as used for the first time.
    """
    imported = tuple(sys.modules.get(package) for package in packages)
    before = _used.get(packages)
    if before is None or any(old not in (None, new) for old, new in zip(before[0], imported, strict=True)):
        _used[packages] = before = imported, code
    return before[1]


_used: dict[tuple[str, ...], tuple[tuple[ModuleType | None, ...], str]] = {}


@cache
def _packages_of(host: str) -> frozenset[str]:
    """The packages that a distribution's own plugins lie in, and that of its name."""
    try:
        points = distribution(host).entry_points
    except PackageNotFoundError:
        return frozenset({host})
    return frozenset({host, *(point.value.partition(":")[0].partition(".")[0] for point in points)})


def _owner(module: str) -> str:
    """The outermost package of a module that is no namespace, or the module itself."""
    name, _, rest = module.partition(".")
    while rest:
        spec = _spec(name)
        if spec is None or spec.origin is not None:
            break
        more, _, rest = rest.partition(".")
        name = f"{name}.{more}"
    return name


def _spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except (ImportError, ValueError, AttributeError):  # gone, or a module that says nothing of where it is from
        module = sys.modules.get(name)
        return None if module is None else module.__spec__


def _files(folder: Path) -> Iterator[Path]:
    """The files of a package in the order of their paths; a folder that links lead to again counts once."""
    seen = {os.path.realpath(folder)}
    for place, folders, names in os.walk(folder, followlinks=True):
        entered = []
        for name in sorted(folders):
            real = os.path.realpath(os.path.join(place, name))
            if not name.startswith(".") and name != "__pycache__" and real not in seen:
                seen.add(real)
                entered.append(name)
        folders[:] = entered
        for name in sorted(names):
            if not name.startswith(".") and not name.endswith((".pyc", ".pyo")):
                yield Path(place, name)


def _content(file: Path) -> str:
    """What a file counts by: its digest, or its size; nothing for what is no plain file, or cannot be read."""
    try:
        if not file.is_file():
            return ""
        size = file.stat().st_size
        return file_digest(file) if size < LARGE or file.suffix in CODE else f"{size} bytes"
    except OSError:
        return "unreadable"
