"""The hooks a plugin may implement. Mark implementations with ``cytobench.contract.hookimpl``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pluggy

from cytobench.contract import ClassifierSpec, DatasetSpec, ExtractorSpec, GeneratorSpec, MetricSpec

hookspec = pluggy.HookspecMarker("cytobench")


@hookspec
def cytobench_generators() -> Sequence[GeneratorSpec]:  # type: ignore[empty-body]
    """Return the generators this plugin offers."""


@hookspec
def cytobench_classifiers() -> Sequence[ClassifierSpec]:  # type: ignore[empty-body]
    """Return the classifiers this plugin offers."""


@hookspec
def cytobench_datasets() -> Sequence[DatasetSpec]:  # type: ignore[empty-body]
    """Return the data sets this plugin offers."""


@hookspec
def cytobench_extractors() -> Sequence[ExtractorSpec]:  # type: ignore[empty-body]
    """Return the feature extractors this plugin offers."""


@hookspec
def cytobench_metrics() -> Sequence[MetricSpec]:  # type: ignore[empty-body]
    """Return the metrics this plugin offers."""


@hookspec
def cytobench_run_started(run: dict[str, Any], out: Path) -> None:
    """Observe the start of a run: the resolved benchmark and the results folder."""


@hookspec
def cytobench_trial_finished(record: dict[str, Any]) -> None:
    """Observe a finished or failed trial by its record."""


@hookspec
def cytobench_run_finished(out: Path, failed: int) -> None:
    """Observe the end of a run and how many trials failed."""
