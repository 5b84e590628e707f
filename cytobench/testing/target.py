"""What is checked: one thing that a plugin offers, or a plugin as a whole, and with which options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from cytobench._text import did_you_mean
from cytobench.errors import UserError, option, setting
from cytobench.plugins import Loaded, Offer, Plugins
from cytobench.plugins.discovery import NOT_PACKAGED
from cytobench.plugins.kinds import KINDS as OFFERED
from cytobench.plugins.misfits import specs_of

SPECS: Mapping[str, type] = {kind.name: kind.spec for kind in OFFERED}
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

    @property
    def modules(self) -> list[str]:
        """The modules to load it with besides what is installed: its own, if no distribution offers it."""
        return [self.origin] if self.version == NOT_PACKAGED else []


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
    wholes = [loaded for loaded in plugins.loaded.values() if name in (loaded.plugin, loaded.key)]
    targets = [target for loaded in wholes for target in _whole(loaded, plugins, options)]
    for offered_kind in OFFERED:
        offer = plugins.offers(offered_kind).get(name)
        if offer is not None:
            targets.append(offered(offered_kind.name, offer, options))
    targets = list({(target.kind, target.name): target for target in targets}.values())
    wanted = [target for target in targets if kind in (None, target.kind)]
    if kind is not None:
        unqualified = name.rpartition(":")[2]
        wanted = [target for target in wanted if target.name == unqualified] or wanted
    if not wanted:
        raise UserError(_unknown(name, kind, targets, plugins))
    for plugin in options.values:
        _check_taker(plugin, [target for target in wanted if target.kind in WITH_OPTIONS])
    return wanted


def _check_taker(plugin: str, targets: Sequence[Target]) -> None:
    """Raise UserError unless options of this plugin are those of one target."""
    takers = [target.kind for target in targets if target.name == plugin]
    set_here = setting(plugin, "…")
    if not takers:
        names = ", ".join(sorted({target.name for target in targets})) or "nothing with options"
        raise UserError(f"{set_here}: {plugin} is not checked here or has no options (checked: {names}).")
    if len(takers) > 1:
        kinds = " and ".join(option("kind", kind) for kind in takers)
        raise UserError(f"{set_here}: several things are called {plugin}; check one at a time: {kinds}.")


def _whole(loaded: Loaded, plugins: Plugins, options: Options) -> list[Target]:
    """The plugin as a whole, then its observers, then what it offers."""
    plugin = Target("plugin", loaded.plugin, loaded.origin, loaded.version, {"value": loaded.module, "key": loaded.key})
    targets = [plugin]
    if observes(plugins, loaded.key):
        targets.append(replace(plugin, kind="observer"))
    for kind in OFFERED:
        for spec in specs_from(plugins, loaded.key, kind.hook):
            with suppress(KeyError, UserError):  # refused, or offered twice: problems of the plugin as a whole
                offer = plugins.offers(kind)[f"{loaded.origin}:{getattr(spec, 'name', '')}"]
                targets.append(offered(kind.name, offer, options))
    return targets


def specs_from(plugins: Plugins, key: str, hook: str) -> list[Any]:
    """What a plugin returns from a hook; nothing where that fails, which is a problem of the plugin as a whole."""
    specs = []
    for implementation in getattr(plugins.manager.hook, hook).get_hookimpls():
        if implementation.plugin_name == key:
            try:
                specs += specs_of(implementation.function())
            except Exception:  # whatever a stranger's code raises
                continue
    return specs


def observes(plugins: Plugins, key: str) -> bool:
    """Whether the plugin, by the manager's name for it, implements an observer hook."""
    callers = [getattr(plugins.manager.hook, hook) for hook in OBSERVERS]
    return any(hookimpl.plugin_name == key for caller in callers for hookimpl in caller.get_hookimpls())


def _unknown(name: str, kind: str | None, targets: Sequence[Target], plugins: Plugins) -> str:
    if targets:
        return f"{option('kind', kind)}: {name} is no {kind}; it is: {', '.join(target.kind for target in targets)}."
    broken = [problem for problem in plugins.problems if problem.offered == name]
    if broken:
        return f"{name}: its plugin is broken: {broken[0]}"
    names = {loaded.plugin for loaded in plugins.loaded.values()}
    names.update(*(plugins.offers(offered_kind) for offered_kind in OFFERED))
    hint = did_you_mean(name, names)
    return f"{name}: no such plugin, and no plugin offers it.{hint} Installed: {', '.join(sorted(names))}."
