"""Where plugins come from: entry points of installed distributions, and modules that are not packaged yet."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from importlib.util import find_spec

from cytobench.errors import UserError, option
from cytobench.plugins.offers import BUILT_IN

GROUP = "cytobench"
LOAD = "CYTOBENCH_LOAD_PLUGINS"
"""The environment variable that names the only plugins to load, by entry point or distribution, with commas."""
NOT_PACKAGED = "not packaged"
"""Stands for the version of a module that no distribution offers."""


@dataclass(frozen=True)
class Source:
    """A plugin that is there to be imported."""

    plugin: str
    origin: str
    version: str
    value: str
    """``module`` or ``module:attribute``."""
    load: Callable[[], object]
    requires: tuple[str, ...] = ()
    """What its distribution declares to need, as in its metadata."""

    @property
    def packaged(self) -> bool:
        """Whether a distribution offers it."""
        return self.version != NOT_PACKAGED


def find_sources(points: Iterable[EntryPoint] | None, modules: Sequence[str]) -> list[Source]:
    """The plugins to load: built-in ones first, then by distribution and name, then the modules named.

    Raises UserError if the environment variable names a plugin that is not installed, and for a module that is nowhere.
    """
    pairs = installed() if points is None else [(point.dist, point) for point in points]
    sources = [_from_point(distribution, point) for distribution, point in pairs]
    sources.sort(key=lambda source: (source.origin != BUILT_IN, source.origin, source.plugin, source.value))
    return [*_asked_for(sources), *_from_modules(modules)]


def installed() -> list[tuple[Distribution | None, EntryPoint]]:
    """The entry points of cytobench's group with their distributions; nothing is imported.

    One damaged ``entry_points.txt`` anywhere makes Python's own search fail; then each distribution is read alone.
    """
    try:
        return [(point.dist, point) for point in entry_points(group=GROUP)]
    except Exception:  # Python promises no type
        by_name = {}
        for distribution in reversed(list(distributions())):  # of two with one name Python imports the first
            if points := _points_of(distribution):
                by_name[named(distribution)[0]] = points
        return [pair for points in by_name.values() for pair in points]


def named(distribution: Distribution | None) -> tuple[str, str]:
    """Name and version; a distribution may lack its metadata."""
    if distribution is None:
        return "unknown", "unknown"
    name, version = (distribution.metadata.get(key) for key in ("Name", "Version"))
    return name or "unknown", version or "unknown"


def _points_of(distribution: Distribution) -> list[tuple[Distribution | None, EntryPoint]]:
    try:
        return [(distribution, point) for point in distribution.entry_points.select(group=GROUP)]
    except Exception:
        text = distribution.read_text("entry_points.txt") or ""
        # Its value is no module's name, so that it is listed as broken like any other.
        damaged = EntryPoint(name="entry_points.txt", value="damaged entry_points.txt", group=GROUP)
        return [(distribution, damaged)] if f"[{GROUP}]" in text else []


def _from_point(distribution: Distribution | None, point: EntryPoint) -> Source:
    origin, version = named(distribution)
    requires = tuple(distribution.requires or ()) if distribution else ()
    return Source(point.name, origin, version, point.value, point.load, requires)


def _asked_for(sources: Sequence[Source]) -> list[Source]:
    text = os.environ.get(LOAD)
    if text is None:
        return list(sources)
    names = {name.strip() for name in text.split(",")} - {""}
    known = {name for source in sources for name in (source.plugin, source.origin)}
    unknown = sorted(names - known)
    if unknown:
        listing = ", ".join(sorted(known)) or "none"
        raise UserError(f"{LOAD} names {', '.join(unknown)}, which is not installed. Installed: {listing}.")
    return [source for source in sources if names & {source.plugin, source.origin}]


def _from_modules(modules: Sequence[str]) -> list[Source]:
    if not modules:
        return []
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.append(folder)  # last: a file of the folder must not hide a module of the same name
    sources = []
    for module in dict.fromkeys(modules):
        if not _is_there(module):
            raise UserError(
                f"{option('modules', module)}: there is no such module in the current folder, in PYTHONPATH or "
                "installed. Write it as in an import, for example mypackage.plugin."
            )
        sources.append(Source(module, module, NOT_PACKAGED, module, partial(import_module, module)))
    return sources


def _is_there(module: str) -> bool:
    """Whether a module can be looked up; one whose package breaks is there, and its import will say how."""
    if not all(part.isidentifier() for part in module.split(".")):
        return False
    try:
        return find_spec(module) is not None  # imports the packages that it is in
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as error:
        return not f"{module}.".startswith(f"{error.name}.")
    except BaseException:
        return True
