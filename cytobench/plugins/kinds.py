"""The kinds of things that plugins offer, each with the hook that returns them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cytobench.contract import ClassifierSpec, DatasetSpec, ExtractorSpec, GeneratorSpec, MetricSpec


@dataclass(frozen=True)
class Kind:
    """One kind: its name (``generator``), the attribute of Plugins that holds its offers, a title, its spec."""

    name: str
    plural: str
    title: str
    spec: type[Any]

    @property
    def hook(self) -> str:
        """The hook that returns specs of this kind."""
        return f"cytobench_{self.plural}"


KINDS = (
    Kind("generator", "generators", "Generators", GeneratorSpec),
    Kind("classifier", "classifiers", "Classifiers", ClassifierSpec),
    Kind("dataset", "datasets", "Data sets", DatasetSpec),
    Kind("extractor", "extractors", "Extractors", ExtractorSpec),
    Kind("metric", "metrics", "Metrics", MetricSpec),
)
