"""``cytobench plugins``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cytobench.cli.loading import plugin_module_option, plugin_modules
from cytobench.plugins import Loaded, Offer, Plugins, load_plugins
from cytobench.plugins.kinds import KINDS
from cytobench.plugins.loading import is_strict

SLOW = 0.2
"""Seconds of an import from which on a plugin is called slow."""


@click.command()
@plugin_module_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option("--check", is_flag=True, help="Also import and make each plugin's object (slow), and list what breaks.")
@click.option("--verbose", "-v", is_flag=True, help="Show also contract, revision, code, seconds and tracebacks.")
def plugins(as_json: bool, check: bool, verbose: bool) -> int:
    """List what is installed: generators, classifiers, data sets, extractors, metrics. A broken plugin has its reason.

    The exit code is 0 whatever is broken, and 1 where CYTOBENCH_STRICT_PLUGINS=1 allows nothing broken.
    CYTOBENCH_LOAD_PLUGINS=A,B loads only these, by entry point or distribution.
    """
    installed = load_plugins(modules=plugin_modules(), strict=False)
    if check:
        from cytobench.config.making import check_factories

        check_factories(installed)
    if as_json:
        click.echo(json.dumps(_as_json(installed), indent=1, default=list))
    else:
        _print(installed, verbose, Console())
    return 1 if installed.problems and is_strict() else 0


def _as_json(installed: Plugins) -> dict[str, Any]:
    return {
        **{kind.plural: _offers(installed.offers(kind)) for kind in KINDS},
        "loaded": [{**asdict(loaded), "built_in": loaded.built_in} for loaded in installed.loaded.values()],
        "problems": [asdict(problem) for problem in installed.problems],
    }


def _offers(offers: Mapping[str, Offer[Any]]) -> list[dict[str, Any]]:
    return [
        {
            **asdict(offer.spec),
            "use": use,
            "origin": offer.origin,
            "version": offer.version,
            "built_in": offer.built_in,
        }
        for use, offer in offers.items()
    ]


def _print(installed: Plugins, verbose: bool, console: Console) -> None:
    for kind in KINDS:
        _print_offers(kind.title, installed.offers(kind), verbose, console)
    if verbose:
        console.print(Text("Loaded", style="bold"))
        for loaded in installed.loaded.values():
            console.print(_loaded_line(loaded), soft_wrap=True)
    if installed.problems:
        console.print(Text("Broken", style="bold red"))
        for problem in installed.problems:
            console.print(Text(f"  {problem}"), soft_wrap=True)
            if verbose and problem.traceback:
                console.print(Text(problem.traceback, style="dim"), soft_wrap=True)


def _print_offers(title: str, offers: Mapping[str, Offer[Any]], verbose: bool, console: Console) -> None:
    console.print(Text(title, style="bold"))
    width = max((len(name) for name in offers), default=0)
    for name, offer in offers.items():
        spec = offer.spec
        line = Text(f"  {name:<{width}}  {spec.summary}  ") + _whose(offer)
        console.print(line, soft_wrap=True)
        if verbose:
            scope = f", scope {spec.scope}" if hasattr(spec, "scope") else ""
            more = f"contract {spec.contract}, revision {spec.revision}{scope}, {spec.factory}"
            console.print(Text(" " * (width + 4) + more, style="dim"), soft_wrap=True)
    if not offers:
        console.print("  none")


def _whose(offer: Offer[Any]) -> Text:
    if offer.built_in:
        return Text(f"({offer.distribution}, built in)")
    return Text(f"({offer.distribution}, third-party)", style="cyan")


def _loaded_line(loaded: Loaded) -> Text:
    slow = loaded.seconds >= SLOW
    words = ", slow: its heavy imports belong into the modules of its factories" if slow else ""
    line = f"  {loaded.called}  {loaded.seconds:.2f} s{words}, {loaded.module}"
    return Text(line, style="yellow" if slow else "")
