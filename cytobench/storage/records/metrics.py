"""Metrics of plugins in records, so that tables know them where the plugin is not installed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import NoReturn

from cytobench.contract import CONTRACT, MetricSpec
from cytobench.errors import CytobenchError
from cytobench.metrics.metric import Metric
from cytobench.storage.records.model import MetricUsed, Record


def metrics_used(metrics: Iterable[Metric]) -> dict[str, MetricUsed]:
    """What a record keeps of those that plugins offer, by name."""
    return {
        metric.name: MetricUsed(
            title=metric.title,
            low=metric.spec.range[0],
            high=metric.spec.range[1],
            higher_is_better=metric.spec.higher_is_better,
            needs_probabilities=metric.spec.needs_probabilities,
            distribution=metric.distribution,
            version=metric.version,
            revision=metric.spec.revision,
            code=metric.code or None,
        )
        for metric in metrics
        if metric.distribution
    }


def recorded_metric(name: str, used: MetricUsed) -> Metric:
    """The metric that a record names. It has the values on record, and computes no others."""
    spec = MetricSpec(
        name=name,
        summary="",
        contract=CONTRACT,
        revision=used.revision,
        factory="",
        title=used.title,
        range=(used.low, used.high),
        higher_is_better=used.higher_is_better,
        needs_probabilities=used.needs_probabilities,
    )
    missing = partial(_not_installed, f"{used.distribution} {used.version}")
    return Metric(name, spec, missing, distribution=used.distribution, version=used.version, code=used.code or "")


def is_here(record: Record, metric: Metric) -> bool:
    """Whether a metric of a plugin that a record has is installed here as it was then."""
    used = record.metrics[metric.name]
    recorded = (used.distribution, used.version, used.revision)
    return bool(metric.spec.factory) and recorded == (metric.distribution, metric.version, metric.spec.revision)


def _not_installed(distribution: str) -> NoReturn:
    raise CytobenchError(f"{distribution}, which offers it, is not installed")
