"""What a results folder holds already: the benchmark it was made with, and finished trials."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cytobench.config.benchmark import Benchmark, read_benchmark
from cytobench.config.grid import Trial
from cytobench.errors import UserError, option
from cytobench.storage.records import predictions_kept, read_record, read_unchecked

logger = logging.getLogger("cytobench")

BENCHMARK_FILE = "benchmark.toml"

FREE_TO_GROW = frozenset({"generator", "classifier", "extractor", "synthetic", "shots", "fold", "repeats", "workers"})
"""The settings that a results folder does not hold to; all others may not change in it."""

UNCHECKED = "the record does not say whether its images are copies of real ones"
"""Why a trial is not done whose record was made before that was looked for, or by another method."""

_COMPARED_APART = frozenset({"set", "variants", "analysis"})
"""By plugin and key; the analysis once there are records."""


def recorded_benchmark(out: Path) -> Benchmark | None:
    """The benchmark an existing results folder was made with."""
    file = out / BENCHMARK_FILE
    return read_benchmark(file) if file.exists() else None


def refuse_other_settings(out: Path, benchmark: Benchmark, shots_chosen: str) -> None:
    """Raise UserError if ``out`` holds a run with other settings than these, or with shots chosen in another way.

    ``shots_chosen`` is how records tell it, so that another list in a file of the same name is noticed.
    """
    before = recorded_benchmark(out)
    if before is not None:
        differing = _differing(before.model_dump(mode="json"), benchmark.model_dump(mode="json"))
        if differing:
            raise UserError(
                f"{option('out', out)} holds a run with other settings: {', '.join(differing[:5])} differ. "
                f"Give another folder with {option('out')}, or the same settings."
            )
        chosen = _chosen_before(out)
        if chosen not in (None, shots_chosen):
            raise UserError(
                f"{option('out', out)} holds results whose shots were chosen otherwise ({chosen}, now {shots_chosen}): "
                f"the list {benchmark.select} has changed. Give another folder with {option('out')}, or the same list."
            )
        if before.analysis != benchmark.analysis and any(out.glob("records/*.json")):
            raise UserError(
                f"{option('out', out)} holds results under another [analysis] ({_declared(before)}); what is declared "
                f"after the results is no declaration. Give another folder with {option('out')}, or the same "
                "[analysis], or leave it out."
            )


def why_undone(
    out: Path, trial: Trial, key: str, fidelity: Collection[str] = (), copies: str | None = None
) -> str | None:
    """Why ``out`` does not hold the trial's record under this key, with its predictions; None if it does.

    ``fidelity`` are the keys of the fidelities that it must hold besides, ``copies`` that of the comparison of its
    synthetic images with the real ones.
    """
    file = out / "records" / f"{trial.name}.json"
    if not file.exists():
        return "no record"
    try:
        record = read_unchecked(file)
    except UserError as error:
        logger.warning("%s The trial is run again.", error)
        return "the record is damaged"
    if record.status == "failed":
        return "failed before"
    if record.key != key:
        return "the record is of other work: its data, settings, weights, their configuration or plugins have changed"
    if not set(fidelity) <= {used.key for used in record.fidelity}:
        return "the record lacks a fidelity"
    if copies is not None and (record.copies is None or record.copies.key != copies):
        return UNCHECKED
    if not predictions_kept(record, file):
        return "the predictions are missing or damaged"
    try:
        read_record(file)
    except UserError as error:
        logger.warning("%s The trial is run again.", error)
        return "its predictions do not bear the record out"
    return None


def _chosen_before(out: Path) -> str | None:
    """How the shots of the results in ``out`` were chosen, by the first record that can be read."""
    for file in sorted(out.glob("records/*.json")):
        try:
            return read_unchecked(file).shots_chosen
        except UserError:
            continue
    return None


def _declared(benchmark: Benchmark) -> str:
    analysis = benchmark.analysis
    baselines = f" and the best of {', '.join(analysis.baselines)}" if analysis.baselines else ""
    return f"{analysis.metric}, {', '.join(analysis.comparisons)} against {analysis.reference}{baselines}"


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Which settings that give a results folder its meaning differ between two resolved benchmarks.

    Configurations are compared for the plugins and variants that both have.
    """
    compared = [key for key in new if key not in FREE_TO_GROW and key not in _COMPARED_APART]
    differing = [key for key in compared if old.get(key) != new.get(key)]
    for name in sorted(set(old["set"]) & set(new["set"])):
        if _plugin(old, name) != _plugin(new, name):
            differing.append(f"variants.{name}.plugin")
            continue
        before, after = old["set"][name], new["set"][name]
        keys = sorted({*before, *after})
        differing += [f"{name}.{key}" for key in keys if before.get(key) != after.get(key)]
    return differing


def _plugin(benchmark: Mapping[str, Any], name: str) -> str:
    """The plugin that a name stands for."""
    return str(benchmark["variants"].get(name, {}).get("plugin", name))
