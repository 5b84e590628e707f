"""``cytobench plugins``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cytobench.plugins import Offer, Plugins, load_plugins


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option("--verbose", "-v", is_flag=True, help="Show also contract, revision and where the code is.")
def plugins(as_json: bool, verbose: bool) -> None:
    """List installed generators, classifiers, data sets and extractors; a broken plugin is listed with its reason."""
    found = load_plugins()
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=1))
    else:
        _print(found, verbose, Console())


def _as_json(found: Plugins) -> dict[str, Any]:
    return {
        "generators": _offers(found.generators),
        "classifiers": _offers(found.classifiers),
        "datasets": _offers(found.datasets),
        "extractors": _offers(found.extractors),
        "problems": [asdict(problem) for problem in found.problems],
    }


def _offers(offers: Mapping[str, Offer[Any]]) -> list[dict[str, Any]]:
    return [
        {**asdict(offer.spec), "origin": offer.origin, "version": offer.version} for offer in offers.values()
    ]


def _print(found: Plugins, verbose: bool, console: Console) -> None:
    groups: dict[str, Mapping[str, Offer[Any]]] = {
        "Generators": found.generators,
        "Classifiers": found.classifiers,
        "Data sets": found.datasets,
        "Extractors": found.extractors,
    }
    for title, offers in groups.items():
        console.print(Text(title, style="bold"))
        width = max((len(name) for name in offers), default=0)
        for name, offer in offers.items():
            spec = offer.spec
            line = f"  {name:<{width}}  {spec.summary}  ({offer.origin} {offer.version})"
            console.print(Text(line), soft_wrap=True)
            if verbose:
                scope = f", scope {spec.scope}" if hasattr(spec, "scope") else ""
                more = f"contract {spec.contract}, revision {spec.revision}{scope}, {spec.factory}"
                console.print(Text(" " * (width + 4) + more, style="dim"), soft_wrap=True)
        if not offers:
            console.print("  none")
    if found.problems:
        console.print(Text("Broken", style="bold red"))
        for problem in found.problems:
            console.print(Text(f"  {problem.plugin} ({problem.origin}): {problem.message}"), soft_wrap=True)
