"""What was loaded: offers by name, observers, and what is broken."""

from __future__ import annotations

import os
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pluggy

from cytobench._text import did_you_mean
from cytobench.contract import ClassifierSpec, DatasetSpec, ExtractorSpec, GeneratorSpec, MetricSpec
from cytobench.errors import UserError, option
from cytobench.plugins.discovery import LOAD
from cytobench.plugins.diverted import prints_to_stderr
from cytobench.plugins.faults import REPORT, describe
from cytobench.plugins.kinds import Kind
from cytobench.plugins.offers import BUILT_IN, Offer, Offers, Spec


@dataclass
class Loaded:
    """An entry point, or a module of ``--plugin-module``, that was imported or that broke in the attempt."""

    plugin: str
    """The name of the entry point; of a module its own."""
    origin: str
    version: str
    module: str
    seconds: float = 0.0
    """Its import and its hooks. What several plugins import is paid by the first of them."""

    @property
    def key(self) -> str:
        """What the plugin manager calls it: no other has this name."""
        return f"{self.origin}:{self.plugin}"

    @property
    def built_in(self) -> bool:
        """Whether it is cytobench's own."""
        return self.origin == BUILT_IN

    @property
    def called(self) -> str:
        """Its name with distribution and version, for messages."""
        return f"{self.plugin} ({f'{self.origin} {self.version}'.rstrip()})"


@dataclass(frozen=True)
class Problem:
    """Why a plugin, or one thing it offers, cannot be used, and what to do."""

    plugin: str
    origin: str
    version: str
    message: str
    remedy: str
    offered: str = ""
    """The name of the one thing that cannot be used; empty if it is all of the plugin."""
    traceback: str = ""

    def __str__(self) -> str:
        distribution = f"{self.origin} {self.version}".rstrip()
        return f"{self.plugin} ({distribution}): {self.message}. {self.remedy}."


@dataclass
class Plugins:
    """What is installed: offers by name, and what is broken."""

    manager: pluggy.PluginManager
    generators: Offers[GeneratorSpec] = field(default_factory=lambda: Offers("generator"))
    classifiers: Offers[ClassifierSpec] = field(default_factory=lambda: Offers("classifier"))
    datasets: Offers[DatasetSpec] = field(default_factory=lambda: Offers("dataset"))
    extractors: Offers[ExtractorSpec] = field(default_factory=lambda: Offers("extractor"))
    metrics: Offers[MetricSpec] = field(default_factory=lambda: Offers("metric"))
    loaded: dict[str, Loaded] = field(default_factory=dict)
    """By the name that the manager has for it."""
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

    def metric(self, name: str, called: str) -> Offer[MetricSpec]:
        """The metric of this name, which messages call ``called``; UserError with near names otherwise."""
        return self._find("metric", self.metrics, name, called)

    def offers(self, kind: Kind) -> Offers[Any]:
        """The offers of a kind."""
        offers: Offers[Any] = getattr(self, kind.plural)
        return offers

    def notify(self, hook: str, **arguments: Any) -> list[str]:
        """Call an observer hook of every plugin; what one raises changes nothing and is returned as a message.

        Each gets a copy of the arguments, and what it prints goes to stderr.
        """
        messages = []
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                with prints_to_stderr():
                    implementation.function(**{name: deepcopy(arguments[name]) for name in implementation.argnames})
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # an observer's fault, or its sys.exit, must never touch a result
                loaded = self.loaded.get(implementation.plugin_name)
                called = loaded.called if loaded else implementation.plugin_name
                messages.append(f"{called}: {hook} {describe(error)}. Results are as without it. {REPORT}.")
        return messages

    def _find(self, kind: str, offers: Offers[Spec], name: str, called: str | None = None) -> Offer[Spec]:
        offer = offers.get(name)
        if offer is not None:
            return offer
        called = called or option(kind, name)
        unqualified = name.rpartition(":")[2]
        broken = next((problem for problem in self.problems if unqualified in (problem.offered, problem.plugin)), None)
        if broken is not None:
            raise UserError(f"{called}: its plugin is broken: {broken}")
        hint = did_you_mean(name, offers)
        installed = ", ".join(offers) or "none"
        loaded = "Installed" if LOAD not in os.environ else f"Loaded, by {LOAD}"
        raise UserError(f"{called}: no such {kind}.{hint} {loaded}: {installed}.{_perhaps_of(self.problems)}")


def _perhaps_of(problems: Iterable[Problem]) -> str:
    """The plugins that could not tell what they offer."""
    names = dict.fromkeys(f"{problem.plugin} ({problem.origin})" for problem in problems if not problem.offered)
    return f" Broken, see `cytobench plugins`: {', '.join(names)}." if names else ""
