"""The table of tables: for each kind of thing that a plugin can offer, its checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cytobench.testing import classifiers, datasets, extractors, generators, metrics, observers, whole
from cytobench.testing.checks import Check
from cytobench.testing.subject import Subject


@dataclass(frozen=True)
class Kind:
    """How things of a kind are checked. ``errands`` are what checks have done in another process."""

    subject: type[Subject]
    checks: tuple[Check, ...]
    errands: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    def check(self, name: str) -> Check:
        """The check of this name."""
        return next(check for check in self.checks if check.name == name)


KINDS: Mapping[str, Kind] = {
    "plugin": Kind(whole.PluginSubject, whole.CHECKS),
    "generator": Kind(generators.GeneratorSubject, generators.CHECKS, generators.ERRANDS),
    "classifier": Kind(classifiers.ClassifierSubject, classifiers.CHECKS, classifiers.ERRANDS),
    "dataset": Kind(datasets.DatasetSubject, datasets.CHECKS, datasets.ERRANDS),
    "extractor": Kind(extractors.ExtractorSubject, extractors.CHECKS, extractors.ERRANDS),
    "metric": Kind(metrics.MetricSubject, metrics.CHECKS, metrics.ERRANDS),
    "observer": Kind(observers.ObserverSubject, observers.CHECKS),
}
