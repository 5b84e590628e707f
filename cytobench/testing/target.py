"""What is checked: one thing that a plugin offers, or a plugin as a whole, and with which options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from cytobench.contract import ClassifierSpec, DatasetSpec, ExtractorSpec, GeneratorSpec
from cytobench.errors import UserError
from cytobench.plugins import GROUP, Offer, Plugins

SPECS: Mapping[str, type] = {
    "generator": GeneratorSpec,
    "classifier": ClassifierSpec,
    "dataset": DatasetSpec,
    "extractor": ExtractorSpec,
}
"""The kinds that have a spec."""
WITH_OPTIONS = ("generator", "classifier", "extractor")
OBSERVERS = ("cytobench_run_started", "cytobench_trial_finished", "cytobench_run_finished")


@dataclass(frozen=True)
class Options:
    """How plugins are checked: the preset, ``values`` as ``--set`` gives them (by plugin), and the device."""

    preset: str = "pocket"
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    device: str = "cpu"


@dataclass(frozen=True)
class Target:
    """One subject of checks, plain enough to be sent to another process.

    ``spec`` has the fields of the spec; of a plugin as a whole and of observers it has ``value``, the entry point's.
    """

    kind: str
    name: str
    origin: str
    version: str
    spec: Mapping[str, Any]
    preset: str = "pocket"
    values: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"

    @property
    def title(self) -> str:
        """``generator turned (cytobench-turned 0.1.0)``."""
        return f"{self.kind} {self.name} ({self.origin} {self.version})"


def spec_of(target: Target) -> Any:
    """The spec of a target, rebuilt from its fields."""
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in target.spec.items()}
    return SPECS[target.kind](**plain)


def offered(kind: str, offer: Offer[Any], options: Options) -> Target:
    """The target of one offer."""
    name = offer.spec.name
    values = options.values.get(name, {})
    return Target(
        kind, name, offer.origin, offer.version, asdict(offer.spec), options.preset, values, options.device
    )


def find_targets(name: str, kind: str | None, plugins: Plugins, options: Options) -> list[Target]:
    """All that goes by a name: offers of this name, and the plugin (entry point) of this name with all it offers.

    ``kind`` keeps to one kind, and there to the offer of this very name if there is one.
    Raises UserError for an unknown name, and for options of what is not checked.
    """
    points = [point for point in entry_points(group=GROUP) if point.name == name]
    targets = [target for point in points for target in _whole(point, plugins, options)]
    for one, offers in _offers(plugins).items():
        if name in offers:
            targets.append(offered(one, offers[name], options))
    targets = list({(target.kind, target.name): target for target in targets}.values())
    wanted = [target for target in targets if kind in (None, target.kind)]
    if kind is not None:
        wanted = [target for target in wanted if target.name == name] or wanted
    if not wanted:
        raise UserError(_unknown(name, kind, targets, plugins))
    for plugin in options.values:
        _check_taker(plugin, [target for target in wanted if target.kind in WITH_OPTIONS])
    return wanted


def _check_taker(plugin: str, targets: Sequence[Target]) -> None:
    """Raise UserError unless options of this plugin are those of one target."""
    takers = [target.kind for target in targets if target.name == plugin]
    if not takers:
        names = ", ".join(sorted({target.name for target in targets})) or "nothing with options"
        raise UserError(f"--set {plugin}.…: {plugin} is not checked here or has no options (checked: {names}).")
    if len(takers) > 1:
        kinds = " and ".join(f"--kind {kind}" for kind in takers)
        raise UserError(f"--set {plugin}.…: several things are called {plugin}; check one at a time: {kinds}.")


def _offers(plugins: Plugins) -> dict[str, Mapping[str, Offer[Any]]]:
    return {
        "generator": plugins.generators,
        "classifier": plugins.classifiers,
        "dataset": plugins.datasets,
        "extractor": plugins.extractors,
    }


def _whole(point: EntryPoint, plugins: Plugins, options: Options) -> list[Target]:
    """The plugin as a whole, then its observers, then what it offers."""
    origin, version = (point.dist.name, point.dist.version) if point.dist else ("unknown", "")
    plugin = Target("plugin", point.name, origin, version, {"value": point.value})
    targets = [plugin]
    module = plugins.manager.get_plugin(point.name)
    if module is None:
        return targets
    if observes(plugins, point.name):
        targets.append(replace(plugin, kind="observer"))
    for kind, offers in _offers(plugins).items():
        hook = getattr(plugins.manager.hook, f"cytobench_{kind}s")
        for implementation in hook.get_hookimpls():
            if implementation.plugin_name == point.name:
                found = _offered_names(implementation.function)
                targets += [offered(kind, offers[name], options) for name in found if name in offers]
    return targets


def _offered_names(hook: Callable[[], Iterable[Any]]) -> list[str]:
    """The names of the specs that a hook returns; none where it fails, which is a problem of the plugin as a whole."""
    try:
        return [spec.name for spec in hook()]
    except Exception:  # whatever a stranger's code raises
        return []


def observes(plugins: Plugins, name: str) -> bool:
    """Whether the plugin of this name implements an observer hook."""
    callers = [getattr(plugins.manager.hook, hook) for hook in OBSERVERS]
    return any(found.plugin_name == name for caller in callers for found in caller.get_hookimpls())


def _unknown(name: str, kind: str | None, targets: Sequence[Target], plugins: Plugins) -> str:
    if targets:
        return f"--kind {kind}: {name} is no {kind}; it is: {', '.join(target.kind for target in targets)}."
    broken = [problem for problem in plugins.problems if f" {name} " in f" {problem.message} "]
    if broken:
        return f"{name}: plugin {broken[0].plugin} is broken: {broken[0].message}."
    names = {point.name for point in entry_points(group=GROUP)}
    names |= {found for offers in _offers(plugins).values() for found in offers}
    near = get_close_matches(name, names, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"{name}: no such plugin, and no plugin offers it.{hint} Installed: {', '.join(sorted(names))}."
