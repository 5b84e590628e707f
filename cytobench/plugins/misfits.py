"""Whether a plugin's hooks, and the specs they return, are those of the contract."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from itertools import islice
from typing import Any

import pluggy
from pydantic import TypeAdapter, ValidationError

from cytobench import hookspecs
from cytobench._text import nearest
from cytobench.contract import CONTRACT, MetricSpec
from cytobench.metrics.built_in import BUILT_IN as METRICS
from cytobench.plugins.discovery import Source
from cytobench.plugins.faults import Fault, contract_fault, way_out
from cytobench.plugins.kinds import Kind
from cytobench.plugins.offers import BUILT_IN

PREFIX = "cytobench_"
MOST = 1000
"""Specs taken from one hook: one that yields without end must not hold up the others."""
_LAZY = ("factory", "config", "fit_config", "sample_config", "count_tokens", "cut_off")
"""Fields of specs that are names of the form ``module:attribute``."""
_NOT_IN_NAMES = "/\\ \t\n.=:"


def hook_fault(manager: pluggy.PluginManager, plugin: object, source: Source) -> Fault | None:
    """What is wrong with a plugin's hooks, None if nothing is; pluggy takes a misspelt one in silence."""
    marked = dict(_marked(manager, plugin))
    message = _unmarked(plugin, marked) or next(
        (text for name, (function, options) in marked.items() if (text := _misfit(name, function, options))), None
    )
    if message is None and not marked:
        message = f"{source.value} has no function marked with cytobench.contract.hookimpl"
    return None if message is None else Fault(message, way_out(source))


def spec_fault(spec: Any, kind: Kind, source: Source) -> Fault | None:
    """Why what a hook returned is no usable spec, None if it is one."""
    expected = kind.spec.__name__
    if not isinstance(spec, kind.spec):
        return Fault(f"{kind.hook} returned {type(spec).__name__} where a {expected} is expected", way_out(source))
    if isinstance(spec.contract, int) and spec.contract != CONTRACT:
        return contract_fault(source, spec.name, spec.contract, CONTRACT)
    try:
        _validator(kind).validate_python({field.name: getattr(spec, field.name) for field in fields(spec)})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        return Fault(f"{expected} {spec.name!r}: {key} = {first['input']!r}: {first['msg']}", way_out(source))
    if not spec.name or any(character in spec.name for character in _NOT_IN_NAMES):
        return Fault(f"{spec.name!r} is no valid name: no spaces, '/', '\\', '.', '=' or ':'", way_out(source))
    if kind.spec is MetricSpec and source.origin != BUILT_IN and spec.name in METRICS:
        return Fault(f"{spec.name} is the name of a built-in metric", way_out(source))
    for field in (field for field in fields(spec) if field.name in _LAZY):
        value = getattr(spec, field.name)
        if value != field.default and not all(part and not part.isspace() for part in value.partition(":")):
            return Fault(f"{spec.name}: {field.name} {value!r} is not of the form module:attribute", way_out(source))
    return None


def specs_of(returned: Any) -> list[Any]:
    """What a hook returned, as a list. Raises TypeError for what is no sequence, and whatever a generator raises."""
    if isinstance(returned, (str, bytes, Mapping)):
        raise TypeError(f"it returned {type(returned).__name__} where a sequence of specs is expected")
    specs = list(islice(iter(returned), MOST + 1))
    if len(specs) > MOST:
        raise TypeError(f"it returned more than {MOST} specs")
    return specs


def _marked(manager: pluggy.PluginManager, plugin: object) -> Iterator[tuple[str, tuple[Any, Mapping[str, Any]]]]:
    """Hook implementations by the name of their hook."""
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is not None:
            yield options.get("specname") or name, (getattr(plugin, name), options)


def _misfit(name: str, function: Any, options: Mapping[str, Any]) -> str | None:
    known = _hooks()
    if name not in known:
        if options.get("optionalhook"):  # meant for another cytobench too
            return None
        near = nearest(name, known)
        return f"{name} is no hook of cytobench" + (f"; did you mean {near}?" if near else "")
    if options.get("wrapper") or options.get("hookwrapper"):
        return f"{name} is a hook wrapper, which cytobench does not call"
    arguments = known[name]
    wanted = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    wrong = [parameter for parameter in wanted if parameter not in arguments]
    if wrong:
        listing = ", ".join(arguments) or "no argument"
        return f"{name} wants the argument {', '.join(wrong)}; cytobench gives {listing}"
    return None


def _unmarked(plugin: object, marked: Mapping[str, Any]) -> str | None:
    """A function of the plugin's own that is called like a hook, or nearly, and is none for want of the marker."""
    for name, value in vars(plugin).items() if hasattr(plugin, "__dict__") else ():
        defined_there = inspect.isfunction(value) and value.__module__ == getattr(plugin, "__name__", None)
        if defined_there and name.startswith(PREFIX) and name not in marked:
            near = nearest(name, _hooks(), likeness=0.8)
            if near and not hasattr(value, "cytobench_impl"):
                return f"{name} is not marked with cytobench.contract.hookimpl, so that it is no hook"
    return None


@cache
def _hooks() -> dict[str, tuple[str, ...]]:
    """The arguments of every hook, by its name."""
    functions = {name: function for name, function in vars(hookspecs).items() if name.startswith(PREFIX)}
    return {name: tuple(inspect.signature(function).parameters) for name, function in functions.items()}


@cache
def _validator(kind: Kind) -> TypeAdapter[Any]:
    return TypeAdapter(kind.spec)
