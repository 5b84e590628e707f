"""Finding plugins: every entry point of the group ``cytobench``, each guarded, so that a broken one stays alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

import pluggy

from cytobench import hookspecs
from cytobench.contract import CONTRACT, ClassifierSpec, DatasetSpec, ExtractorSpec, GeneratorSpec
from cytobench.errors import UserError

GROUP = "cytobench"
Spec = TypeVar("Spec", GeneratorSpec, ClassifierSpec, DatasetSpec, ExtractorSpec)


@dataclass(frozen=True)
class Offer(Generic[Spec]):
    """One spec, with the distribution that offers it."""

    spec: Spec
    origin: str
    version: str


@dataclass(frozen=True)
class Problem:
    """Why a plugin, or one thing it offers, cannot be used."""

    plugin: str
    origin: str
    message: str


@dataclass
class Plugins:
    """What is installed: offers by name, and what is broken."""

    manager: pluggy.PluginManager
    generators: dict[str, Offer[GeneratorSpec]] = field(default_factory=dict)
    classifiers: dict[str, Offer[ClassifierSpec]] = field(default_factory=dict)
    datasets: dict[str, Offer[DatasetSpec]] = field(default_factory=dict)
    extractors: dict[str, Offer[ExtractorSpec]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def generator(self, name: str) -> Offer[GeneratorSpec]:
        """The generator of this name; UserError with near names otherwise."""
        return self._find("generator", self.generators, name)

    def classifier(self, name: str) -> Offer[ClassifierSpec]:
        """The classifier of this name; UserError with near names otherwise."""
        return self._find("classifier", self.classifiers, name)

    def extractor(self, name: str) -> Offer[ExtractorSpec]:
        """The extractor of this name; UserError with near names otherwise."""
        return self._find("extractor", self.extractors, name)

    def notify(self, hook: str, **arguments: Any) -> list[str]:
        """Call an observer hook of every plugin; an exception changes nothing and is returned as a message."""
        messages = []
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            wanted = {name: arguments[name] for name in implementation.argnames}
            try:
                implementation.function(**wanted)
            except Exception as error:  # an observer's fault must never touch a result
                messages.append(f"{implementation.plugin_name}: {hook} raised {type(error).__name__}: {error}")
        return messages

    def _find(self, kind: str, offers: Mapping[str, Offer[Spec]], name: str) -> Offer[Spec]:
        if name in offers:
            return offers[name]
        broken = [problem for problem in self.problems if name in problem.message or name == problem.plugin]
        if broken:
            raise UserError(f"--{kind} {name}: plugin {broken[0].plugin} is broken: {broken[0].message}")
        near = get_close_matches(name, offers, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UserError(f"--{kind} {name}: no such {kind}.{hint} Installed: {', '.join(sorted(offers))}.")


def load_plugins(points: Iterable[EntryPoint] | None = None) -> Plugins:
    """Load every plugin of the group; a broken one becomes a :class:`Problem` and the others go on."""
    manager = pluggy.PluginManager("cytobench")
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager)
    found = sorted(points if points is not None else entry_points(group=GROUP), key=lambda point: point.name)
    origins: dict[str, tuple[str, str]] = {}
    for point in found:
        origin, version = (point.dist.name, point.dist.version) if point.dist else ("unknown", "")
        name = point.name if point.name not in origins else f"{origin}.{point.name}"
        origins[name] = (origin, version)
        problem = _register(manager, point, name)
        if problem:
            plugins.problems.append(Problem(name, origin, problem))
    _collect(plugins, "cytobench_generators", GeneratorSpec, plugins.generators, origins)
    _collect(plugins, "cytobench_classifiers", ClassifierSpec, plugins.classifiers, origins)
    _collect(plugins, "cytobench_datasets", DatasetSpec, plugins.datasets, origins)
    _collect(plugins, "cytobench_extractors", ExtractorSpec, plugins.extractors, origins)
    return plugins


def _register(manager: pluggy.PluginManager, point: EntryPoint, name: str) -> str | None:
    try:
        module = point.load()
    except Exception as error:  # whatever a stranger's import raises, the other plugins go on
        return f"importing {point.value} raised {type(error).__name__}: {error}"
    try:
        manager.register(module, name)
    except Exception as error:  # pluggy leaves a plugin with a wrong argument registered
        if manager.has_plugin(name):
            manager.unregister(name=name)
        return f"its hooks do not fit: {error}"
    callers = manager.get_hookcallers(module) or []
    unknown = [caller.name for caller in callers if not caller.has_spec()]
    if unknown:
        manager.unregister(name=name)
        known = [attribute for attribute in vars(hookspecs) if attribute.startswith("cytobench_")]
        near = get_close_matches(unknown[0], known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{unknown[0]} is no hook of cytobench{hint}"
    return None


def _collect(
    plugins: Plugins,
    hook: str,
    kind: Callable[..., Spec],
    into: dict[str, Offer[Spec]],
    origins: Mapping[str, tuple[str, str]],
) -> None:
    offered: dict[str, list[tuple[str, Offer[Spec]]]] = {}
    for implementation in getattr(plugins.manager.hook, hook).get_hookimpls():
        plugin = implementation.plugin_name
        origin, version = origins.get(plugin, ("unknown", ""))
        try:
            specs = list(implementation.function())
        except Exception as error:  # one plugin's fault must not hide the others
            plugins.problems.append(Problem(plugin, origin, f"{hook} raised {type(error).__name__}: {error}"))
            continue
        for spec in specs:
            problem = _refusal(spec, kind)
            if problem:
                plugins.problems.append(Problem(plugin, origin, problem))
            else:
                offered.setdefault(spec.name, []).append((plugin, Offer(spec, origin, version)))
    for name, offers in sorted(offered.items()):
        if len(offers) == 1:
            into[name] = offers[0][1]
            continue
        # Load order must not settle who wins, so nobody does.
        who = " and ".join(f"{plugin} ({offer.origin})" for plugin, offer in offers)
        for plugin, offer in offers:
            message = f"the name {name} is offered by {who}; uninstall one of them"
            plugins.problems.append(Problem(plugin, offer.origin, message))


def _refusal(spec: Any, kind: Callable[..., Any]) -> str | None:
    if not isinstance(spec, kind):  # type: ignore[arg-type]
        return f"returned {type(spec).__name__} where a {kind.__name__} is expected"
    if spec.contract != CONTRACT:
        return f"{spec.name} is written for plugin contract {spec.contract}; this cytobench has {CONTRACT}"
    if not spec.name or any(character in spec.name for character in "/\\ \t\n.="):
        return f"{spec.name!r} is no valid name: no spaces, '/', '\\', '.' or '='"
    return None
