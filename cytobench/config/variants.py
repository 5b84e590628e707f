"""Variants: one plugin under several names in a benchmark, each name with settings of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from cytobench._text import did_you_mean, nearest
from cytobench.config.benchmark import Benchmark, Value
from cytobench.contract import ClassifierSpec, GeneratorSpec
from cytobench.errors import UserError, option
from cytobench.plugins import Offer, Plugins

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
NO_GENERATOR = "none"
"""What tables call the generator of N = 0."""


def check_variants(benchmark: Benchmark, plugins: Plugins) -> None:
    """Raise UserError for a variant with a bad or taken name, or of a plugin that is not installed."""
    installed = (*plugins.generators, *plugins.classifiers)
    for name, variant in benchmark.variants.items():
        if not NAME.fullmatch(name):
            raise UserError(
                f"variants.{name}: no valid name. Use letters, digits and - . _ :, with a letter or digit first."
            )
        if _is_installed(name, plugins) or name in plugins.extractors or name == NO_GENERATOR:
            what = "what tables call N = 0" if name == NO_GENERATOR else "an installed plugin"
            raise UserError(f"variants.{name}: {name} is {what}. Give the variant another name.")
        if not _is_installed(variant.plugin, plugins):
            hint, listing = did_you_mean(variant.plugin, installed), ", ".join(sorted(installed))
            raise UserError(f"variants.{name}.plugin {variant.plugin}: no such plugin.{hint} Installed: {listing}.")


def _is_installed(name: str, plugins: Plugins) -> bool:
    return name in plugins.generators or name in plugins.classifiers


def find_generator(name: str, benchmark: Benchmark, plugins: Plugins) -> Offer[GeneratorSpec]:
    """The generator that a name of the benchmark stands for. Raises UserError with near names if there is none."""
    return plugins.generator(_plugin(name, "generator", plugins.generators, benchmark))


def find_classifier(name: str, benchmark: Benchmark, plugins: Plugins) -> Offer[ClassifierSpec]:
    """The classifier that a name of the benchmark stands for. Raises UserError with near names if there is none."""
    return plugins.classifier(_plugin(name, "classifier", plugins.classifiers, benchmark))


def settings_of(name: str, benchmark: Benchmark) -> dict[str, Value]:
    """What the benchmark sets under a name: the variant's own settings, then those of ``set``."""
    variant = benchmark.variants.get(name)
    return {**(variant.settings if variant else {}), **benchmark.set.get(name, {})}


def counts_of(name: str, benchmark: Benchmark) -> tuple[int, ...] | None:
    """The numbers of synthetic images a variant is kept to; None for all of the benchmark."""
    variant = benchmark.variants.get(name)
    return variant.synthetic if variant else None


def _plugin(
    name: str, kind: Literal["generator", "classifier"], offers: Mapping[str, Any], benchmark: Benchmark
) -> str:
    variant = benchmark.variants.get(name)
    if variant is None:
        near = nearest(name, [*offers, *benchmark.variants])
        if near in benchmark.variants:
            declared = ", ".join(benchmark.variants)
            raise UserError(
                f"{option(kind, name)}: no such {kind}. Did you mean {near}? Declared variants: {declared}."
            )
        return name
    if variant.plugin not in offers:
        raise UserError(f"{option(kind, name)}: it is a variant of {variant.plugin}, which is no {kind}.")
    return variant.plugin
