"""What a caller in Python may give of a benchmark, by name: the fields of a Benchmark, in easier forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from cytobench.config.benchmark import Analysis, PromptPair, Scales, Value, Variant

Names = str | Iterable[str]
"""One name or several."""
Numbers = int | Iterable[int]
"""One number or several."""


class Parameters(TypedDict, total=False):
    """The fields of :class:`~cytobench.config.benchmark.Benchmark`, which says what they mean; None leaves one out."""

    dataset: str | Path | None
    protocol: str | None
    preset: str | None
    generator: Names | None
    classifier: Names | None
    extractor: Names | None
    synthetic: Numbers | None
    shots: Numbers | None
    select: str | Path | None
    folds: int | None
    fold: Numbers | None
    seed: int | None
    repeats: int | None
    limit: int | None
    train_only: Names | None
    trained_on: str | Path | None
    merge: Names | None
    external_test: str | Path | None
    device: str | None
    workers: int | None
    set: Mapping[str, Mapping[str, Value | Path]] | None
    variants: Mapping[str, Variant | Mapping[str, Any]] | None
    prompts: Mapping[str, PromptPair | Mapping[str, str]] | None
    analysis: Analysis | Mapping[str, Any] | None
    presets: Scales | Mapping[str, Mapping[str, Any]] | None
