"""Metrics by name, as scores and tables take them: the built-in ones, then those of plugins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cytobench._text import did_you_mean
from cytobench.contract import MetricFunction, MetricSpec
from cytobench.errors import UserError, option
from cytobench.metrics.built_in import BUILT_IN, OF_ALL_CLASSES
from cytobench.metrics.metric import Metric
from cytobench.plugins.diverted import prints_to_stderr
from cytobench.plugins.factory import load
from cytobench.plugins.offers import Offer
from cytobench.plugins.registry import Plugins

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def find_metrics(names: Iterable[str], plugins: Callable[[], Plugins]) -> tuple[Metric, ...]:
    """The metrics of these names, each once; plugins are loaded where one is not built in. Raises as find_metric."""
    return tuple(find_metric(name, plugins) for name in dict.fromkeys(names))


def find_metric(name: str, plugins: Callable[[], Plugins], called: str | None = None) -> Metric:
    """The metric that users call ``name``: ``f1_macro``, of one class ``recall:EOS``.

    Messages call it ``called``, by default as the option ``metric``. Raises UserError for an unknown metric, and where
    a class is missing or too much.
    """
    called = called or option("metric", name)
    base, label = _parted(name, BUILT_IN)
    metric = BUILT_IN.get(base)
    if metric is None:
        loaded = plugins()
        qualified = [offer.qualified for offer in loaded.metrics.values()]
        base, label = _parted(name, [*loaded.metrics, *qualified])
        metric = _metric(base, loaded.metric(base, called))
    if metric.spec.of_one_class and not label:
        raise UserError(f"{called}: this metric is of one class. Write {base}:LABEL.")
    if label and not metric.spec.of_one_class:
        raise UserError(f"{called}: {base} is of all classes. Write {base}.")
    return replace(metric, name=name, label=label or None)


def of_class(
    metric: Metric, labels: Collection[str], other_names: Mapping[str, str], called: str | None = None
) -> Metric:
    """The metric, of the label that its class has among ``labels``: users write either name of a class.

    ``other_names`` gives the one by the other. Raises UserError where it is of a class that is not among them.
    """
    if metric.label is None or metric.label in labels:
        return metric
    other = other_names.get(metric.label)
    if other in labels:
        return replace(metric, label=other)
    hint = did_you_mean(metric.label, labels)
    called = called or option("metric", metric.name)
    raise UserError(f"{called}: there is no class {metric.label}.{hint} Classes that count: {', '.join(labels)}.")


def kept_metrics(plugins: Plugins) -> tuple[Metric, ...]:
    """What a record keeps: every metric of all classes that is on offer, the built-in ones first."""
    offers = [(name, offer) for name, offer in plugins.metrics.items() if not offer.built_in]
    return (*OF_ALL_CLASSES, *(_metric(name, offer) for name, offer in offers if not offer.spec.of_one_class))


def _metric(name: str, offer: Offer[MetricSpec]) -> Metric:
    if offer.built_in:
        return BUILT_IN[offer.spec.name]
    load = partial(_load, offer.spec.factory)
    return Metric(name, offer.spec, load, distribution=offer.origin, version=offer.version, code=offer.code)


def _load(factory: str) -> MetricFunction:
    """The function; what it prints goes to stderr."""
    function: MetricFunction = load(factory)

    def call(
        true: NDArray[np.int64], predicted: NDArray[Any], labels: tuple[str, ...]
    ) -> float | NDArray[np.float64] | None:
        with prints_to_stderr():
            return function(true, predicted, labels)

    return call


def _parted(name: str, known: Collection[str]) -> tuple[str, str]:
    """A metric's name and the class it is asked of: ``recall`` and ``EOS``; ``DISTRIBUTION:NAME`` may come before."""
    if name in known:
        return name, ""
    bases = [base for base in known if name.startswith(f"{base}:")]
    base = max(bases, key=len, default=name.partition(":")[0])
    return base, name.removeprefix(base).removeprefix(":")
