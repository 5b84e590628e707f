"""Loading plugins one by one, each guarded: a broken one becomes a problem and the others go on."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, version
from typing import Any

import pluggy

from cytobench import hookspecs
from cytobench.errors import CytobenchError
from cytobench.plugins.code import code_packages
from cytobench.plugins.discovery import Source, find_sources
from cytobench.plugins.diverted import prints_to_stderr
from cytobench.plugins.faults import Fault, describe, import_fault, other_version, way_out
from cytobench.plugins.kinds import KINDS, Kind
from cytobench.plugins.misfits import hook_fault, spec_fault, specs_of
from cytobench.plugins.offers import BUILT_IN, Offer, contested
from cytobench.plugins.registry import Loaded, Plugins, Problem

STRICT = "CYTOBENCH_STRICT_PLUGINS"
"""The environment variable that makes any broken plugin an error: set, and neither empty nor 0."""


def load_plugins(
    points: Iterable[EntryPoint] | None = None, *, modules: Sequence[str] = (), strict: bool | None = None
) -> Plugins:
    """Load every installed plugin, and the modules named, which no distribution offers yet.

    What they print goes to stderr. A broken one becomes a :class:`Problem` and the others go on; with ``strict`` (None:
    what ``CYTOBENCH_STRICT_PLUGINS`` says) all problems together are a CytobenchError. ``points`` stands for the
    installed entry points. Raises UserError where ``CYTOBENCH_LOAD_PLUGINS`` or ``modules`` name what is not there.
    """
    manager = pluggy.PluginManager("cytobench")
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager)
    with prints_to_stderr():
        for source in (_built_in_metrics(), *find_sources(points, modules)):
            _load(plugins, source)
    for kind in KINDS:
        _tell_of_contested(plugins, kind)
    if plugins.problems and (is_strict() if strict is None else strict):
        listing = "\n".join(f"  {problem}" for problem in plugins.problems)
        raise CytobenchError(f"broken plugins, which {STRICT} does not allow:\n{listing}")
    return plugins


def _built_in_metrics() -> Source:
    """The core's own plugin, which no entry point names: it is there whatever is installed or asked for."""
    module = "cytobench.metrics.built_in"
    return Source("metrics", BUILT_IN, version(BUILT_IN), module, partial(import_module, module))


def is_strict() -> bool:
    """Whether the environment makes a broken plugin an error."""
    return os.environ.get(STRICT, "") not in ("", "0")


def _load(plugins: Plugins, source: Source) -> None:
    """Import a plugin, look at its hooks, register it, and take what it offers."""
    loaded = Loaded(source.plugin, source.origin, source.version, source.value)
    plugins.loaded[loaded.key] = loaded
    began = time.perf_counter()
    with _guarded(plugins, source, lambda error: import_fault(source, error)):
        plugin = source.load()
        _register(plugins, source, loaded, plugin)
    loaded.seconds = time.perf_counter() - began


def _register(plugins: Plugins, source: Source, loaded: Loaded, plugin: object) -> None:
    manager = plugins.manager
    if manager.is_registered(plugin):
        other = plugins.loaded[manager.get_name(plugin) or ""]
        del plugins.loaded[loaded.key]
        if source.packaged:
            remedy = f"Uninstall one of {source.origin} and {other.origin}"
            plugins.problems.append(_problem(source, Fault(f"{other.called} is the same module", remedy)))
        return
    with _guarded(plugins, source, lambda error: Fault(f"its hooks do not fit: {describe(error)}", way_out(source))):
        fault = hook_fault(manager, plugin, source)
        if fault is not None:
            plugins.problems.append(_problem(source, fault))
            return
        manager.register(plugin, loaded.key)
        for kind in KINDS:
            _collect(plugins, source, loaded.key, kind)


def _collect(plugins: Plugins, source: Source, key: str, kind: Kind) -> None:
    """Take the specs of one kind that a registered plugin returns."""
    hook = getattr(plugins.manager.hook, kind.hook)
    for implementation in hook.get_hookimpls():
        if implementation.plugin_name != key:
            continue
        with _guarded(plugins, source, lambda error: _hook_raised(source, kind, error)):
            for spec in specs_of(implementation.function()):
                fault = spec_fault(spec, kind, source)
                if fault is None:
                    plugins.offers(kind).add(Offer(spec, source.origin, source.version, _packages(spec, source)))
                else:
                    plugins.problems.append(_problem(source, fault, getattr(spec, "name", "")))


def _packages(spec: Any, source: Source) -> tuple[str, ...]:
    """The packages of a third-party plugin: of its entry point, and of what its spec names."""
    if source.origin == BUILT_IN:
        return ()
    named = [getattr(spec, name, "") for name in ("factory", "config", "fit_config", "sample_config")]
    return code_packages([source.value, *named], BUILT_IN)


def _hook_raised(source: Source, kind: Kind, error: BaseException) -> Fault:
    # A spec made with fields that it has not is of another contract than ours.
    misfit = isinstance(error, TypeError) and f"{kind.spec.__name__}.__init__()" in str(error)
    return Fault(f"{kind.hook} {describe(error)}", other_version(source) if misfit else way_out(source))


@contextmanager
def _guarded(plugins: Plugins, source: Source, fault: Callable[[BaseException], Fault]) -> Iterator[None]:
    """Whatever a stranger's code raises, ``sys.exit`` included, is a problem of its plugin; Ctrl-C is not."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        lines = "".join(traceback.format_exception(error))
        plugins.problems.append(_problem(source, fault(error), traceback=lines))


def _problem(source: Source, fault: Fault, offered: Any = "", traceback: str = "") -> Problem:
    return Problem(source.plugin, source.origin, source.version, *fault, str(offered or ""), traceback)


def _tell_of_contested(plugins: Plugins, kind: Kind) -> None:
    """Names that several offer are a problem of each of them."""
    for offers in plugins.offers(kind).contested():
        message, remedy = contested(offers)
        for offer in {offer.origin: offer for offer in offers}.values():
            text = f"no {kind.name} has this name alone, {message}"
            name = offer.spec.name
            plugins.problems.append(Problem(name, offer.origin, offer.version, text, remedy, name))
