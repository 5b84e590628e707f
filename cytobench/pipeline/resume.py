"""What a results folder holds already: the benchmark it was made with, and finished trials."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cytobench.config.benchmark import Benchmark, read_benchmark
from cytobench.config.grid import Trial
from cytobench.config.resolve import Resolved
from cytobench.errors import UserError, option
from cytobench.storage.records import Record, predictions_kept, read_record, read_unchecked

logger = logging.getLogger("cytobench")

BENCHMARK_FILE = "benchmark.toml"

FREE_TO_GROW = frozenset({"generator", "classifier", "extractor", "synthetic", "shots", "fold", "repeats", "workers"})
"""The settings that a results folder does not hold to; all others may not change in it."""

UNCHECKED = "the record does not say whether its images are copies of real ones"
"""Why a trial is not done whose record was made before that was looked for, or by another method."""

_COMPARED_APART = frozenset({"set", "variants", "analysis"})
"""By plugin and key; the analysis once there are records."""

_NAMES = {"dataset": "dataset", "external_test": "external_test", "select": "shots_chosen"}
"""Settings that name what records tell the contents of, by the field of :class:`Contents`."""


def recorded_benchmark(out: Path) -> Benchmark | None:
    """The benchmark an existing results folder was made with."""
    file = out / BENCHMARK_FILE
    return read_benchmark(file) if file.exists() else None


@dataclass(frozen=True)
class Contents:
    """What stands behind the names in a benchmark, as records tell it: compared where a name is another one.

    A data set that is spelled otherwise, or has moved, is the same one; another list in a file of the same name is not.
    """

    dataset: tuple[str, str]
    """The distribution that offers the data set, empty for a folder or manifest, and its digest."""
    external_test: str | None
    """Digest of the outside test set; None if there is none."""
    shots_chosen: str
    """How shots are chosen."""

    @classmethod
    def of(cls, resolved: Resolved) -> Self:
        """What a run is about to use."""
        outside = resolved.external.dataset.digest if resolved.external else None
        dataset = resolved.dataset
        return cls((dataset.distribution, dataset.digest), outside, resolved.choice.recorded)

    @classmethod
    def recorded(cls, record: Record) -> Self:
        """What a trial used."""
        outside = record.external_test.digest if record.external_test else None
        return cls((record.dataset.distribution or "", record.dataset.digest), outside, record.shots_chosen)


def refuse_other_settings(out: Path, benchmark: Benchmark, contents: Contents) -> None:
    """Raise UserError if ``out`` holds a run with other settings than these, or with shots chosen in another way."""
    before = recorded_benchmark(out)
    if before is not None:
        recorded = _first_contents(out)
        differing = _differing(before.model_dump(mode="json"), benchmark.model_dump(mode="json"))
        differing = [name for name in differing if not _only_renamed(name, recorded, contents)]
        if differing:
            raise UserError(
                f"{option('out', out)} holds a run with other settings: {', '.join(differing[:5])} differ. "
                f"Give another folder with {option('out')}, or the same settings."
            )
        if recorded is not None and recorded.shots_chosen != contents.shots_chosen:
            raise UserError(
                f"{option('out', out)} holds results whose shots were chosen otherwise ({recorded.shots_chosen}, now "
                f"{contents.shots_chosen}): the list {benchmark.select} has changed. Give another folder with "
                f"{option('out')}, or the same list."
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
    if not predictions_kept(record, file):
        return "the predictions are missing or damaged"
    try:
        read_record(file)
    except UserError as error:
        logger.warning("%s The trial is run again.", error)
        return "its predictions do not bear the record out"
    if copies is not None and (record.copies is None or record.copies.key != copies):
        return UNCHECKED
    return None


def _first_contents(out: Path) -> Contents | None:
    """What the results in ``out`` were made of, by the first record of a run that can be read."""
    for file in sorted(out.glob("records/*.json")):
        try:
            record = read_unchecked(file)
        except UserError:
            continue
        if record.submission is None:
            return Contents.recorded(record)
    return None


def _only_renamed(name: str, recorded: Contents | None, contents: Contents) -> bool:
    """Whether a setting that differs is another name of the same images, or of the same list of shots."""
    field = _NAMES.get(name)
    return field is not None and recorded is not None and getattr(recorded, field) == getattr(contents, field)


def _declared(benchmark: Benchmark) -> str:
    analysis = benchmark.analysis
    baselines = f" and the best of {', '.join(analysis.baselines)}" if analysis.baselines else ""
    return f"{analysis.metric}, {', '.join(analysis.comparisons)} against {analysis.reference}{baselines}"


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Which settings that give a results folder its meaning differ between two resolved benchmarks.

    Configurations are compared for the plugins and variants that both have.
    """
    compared = [key for key in new if key not in FREE_TO_GROW and key not in _COMPARED_APART]
    differing = [key for key in compared if not _same(old.get(key), new.get(key))]
    for name in sorted(set(old["set"]) & set(new["set"])):
        if _plugin(old, name) != _plugin(new, name):
            differing.append(f"variants.{name}.plugin")
            continue
        before, after = old["set"][name], new["set"][name]
        keys = sorted({*before, *after})
        differing += [f"{name}.{key}" for key in keys if not _same(before.get(key), after.get(key))]
    return differing


def _same(old: Any, new: Any) -> bool:
    """Whether two values are equal, or name one place: relative or not, with a slash at the end, through a link."""
    if old == new or not (isinstance(old, str) and isinstance(new, str)):
        return bool(old == new)
    places = [Path(text).expanduser() for text in (old, new)]
    try:
        return all(place.exists() for place in places) and places[0].resolve() == places[1].resolve()
    except (OSError, ValueError):  # a text that is no path: a prompt, say
        return False


def _plugin(benchmark: Mapping[str, Any], name: str) -> str:
    """The plugin that a name stands for."""
    return str(benchmark["variants"].get(name, {}).get("plugin", name))
