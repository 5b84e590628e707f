"""The Python API: each function does what the command of its name does. docs/python.md shows them at work."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast, get_type_hints

from rich.console import Console

from cytobench._home import expanded
from cytobench._text import did_you_mean
from cytobench.analysis.compared import compare_results
from cytobench.analysis.comparison.declared import Named, check_declaration
from cytobench.analysis.leaderboard import Leaderboard
from cytobench.analysis.published import with_published
from cytobench.analysis.results import read_results
from cytobench.analysis.verification import TOLERANCE, Verification, verify_record
from cytobench.config.benchmark import Analysis, Benchmark, make_benchmark, read_benchmark
from cytobench.config.parameters import Parameters
from cytobench.config.resolve import Resolved, checked_preset, default_device, default_preset, named_device, resolve
from cytobench.config.shipped import find_benchmark
from cytobench.data.class_names import OTHER_NAMES
from cytobench.data.prompts import read_prompts
from cytobench.errors import CytobenchError, UserError, arguments, option
from cytobench.exchange.submitted.predictions import check_predictions, read_predictions
from cytobench.exchange.submitted.score import NEEDED, failures, notes_on, plain_scores
from cytobench.exchange.submitted.score import score as score_by_split
from cytobench.metrics.built_in import STUDY
from cytobench.pipeline.dryrun.forecast import Forecast, forecast
from cytobench.pipeline.progress import Display, open_display
from cytobench.pipeline.resume import BENCHMARK_FILE, recorded_benchmark
from cytobench.pipeline.runner import Outcome, run_benchmark
from cytobench.pipeline.workers.executor import open_executor
from cytobench.pipeline.workers.limits import Limits
from cytobench.plugins import Plugins, load_plugins
from cytobench.plugins.metrics import find_metrics, of_class
from cytobench.protocols import find_protocol
from cytobench.reporting.comparison.values import compared_values
from cytobench.reporting.leaderboard import render, to_dataframe, to_fragment
from cytobench.storage.records import Record, predictions_of, read_record
from cytobench.storage.records import read_records as read_records_of

if TYPE_CHECKING:
    import pandas as pd

Function = TypeVar("Function", bound=Callable[..., Any])
Names = str | Iterable[str]
"""One name, or several."""


@dataclass(frozen=True, repr=False)
class LeaderboardResult:
    """The leaderboard of results folders; it is shown as its table, in a notebook and elsewhere."""

    leaderboard: Leaderboard

    def __repr__(self) -> str:
        return render(self.leaderboard, "table")

    def to_dataframe(self) -> pd.DataFrame:
        """One line a row, split and metric, with the columns of ``cytobench leaderboard --format csv``."""
        return to_dataframe(self.leaderboard)

    def _repr_html_(self) -> str:
        return to_fragment(self.leaderboard)


@dataclass(frozen=True, repr=False)
class RunResult(LeaderboardResult):
    """A finished run: what was done, and the leaderboard of its results folder."""

    outcome: Outcome


def _naming_parameters(function: Function) -> Function:
    """The same, whose signature names the fields of a benchmark one by one: for ``help`` and for notebooks."""
    signature = inspect.signature(function)
    first, *others = (each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD)
    fields = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint)
        for name, hint in get_type_hints(Parameters).items()
    ]
    function.__signature__ = signature.replace(parameters=[first, *fields, *others])  # type: ignore[attr-defined]
    return function


@_naming_parameters
def run(
    benchmark: str | Path | None = None,
    *,
    out: str | Path | None = None,
    store: str | Path | None = None,
    prompts_file: str | Path | None = None,
    progress: bool = False,
    display: Display | None = None,
    executor: Executor | None = None,
    jobs: int = 1,
    rebuild: bool = False,
    in_process: bool | None = None,
    trial_timeout: float | None = None,
    memory_limit: float | None = None,
    plugins: Plugins | None = None,
    metric: Names = (),
    **values: Unpack[Parameters],
) -> RunResult:
    """Run a benchmark and return its leaderboard, as ``cytobench run`` does.

    ``benchmark`` is a TOML file, or the name of one that comes with cytobench. Its fields
    (:class:`~cytobench.config.benchmark.Benchmark`, from ``dataset`` to ``presets``) may be given by name, and override
    it where they are not None. What can be repeated on the command line is one name or number, or several:
    ``run(generator="sd21-lora", synthetic=[0, 20])``.

    ``out`` is the results folder (``results/DATASET-PROTOCOL-PRESET``), ``store`` the folder of stages (``OUT/store``),
    ``prompts_file`` a TOML file with a table a label. ``progress`` shows what is being done on stderr, a ``display``
    elsewhere. Plugins work in processes of their own, one stage at a time, each within ``trial_timeout`` seconds and
    ``memory_limit`` MiB where these are given. ``in_process`` lets them work in this one (None: what the environment
    variable ``CYTOBENCH_IN_PROCESS`` says), and with an ``executor`` they work where it runs them, ``jobs`` at a time.
    ``rebuild`` makes images and checkpoints again that records promise and the store lacks; records stay as they are.
    ``metric`` names metrics that the leaderboard shows too (``mcc``, ``recall:EOS``); the first one ranks its rows.

    Raises UserError for a user's mistake. A trial that fails is told in ``outcome``.
    """
    chosen = open_executor(executor, in_process, Limits(trial_timeout, memory_limit))
    prepared = _prepare(benchmark, _path(out), _path(prompts_file), plugins, values)
    resolved, folder = prepared.resolved, prepared.out
    for wanted in find_metrics(_names(metric), lambda: prepared.plugins):
        of_class(wanted, resolved.evaluated, OTHER_NAMES)
    display = display or open_display(Console(stderr=True), quiet=not progress)
    with chosen as opened:
        stages = _path(store) or folder / "store"
        outcome = run_benchmark(resolved, prepared.plugins, folder, stages, display, opened, jobs, rebuild)
    return RunResult(read_results([folder], _names(metric), lambda: prepared.plugins).board, outcome)


@_naming_parameters
def plan(
    benchmark: str | Path | None = None,
    *,
    out: str | Path | None = None,
    store: str | Path | None = None,
    prompts_file: str | Path | None = None,
    plugins: Plugins | None = None,
    calibrate: Callable[[str], None] | None = None,
    **values: Unpack[Parameters],
) -> Forecast:
    """What :func:`run` with the same arguments would do, without doing it, as ``cytobench run --dry-run``.

    With ``calibrate`` a few steps of each kind of stage are timed on this device to price the plan, and it is told of
    each; without, times come from earlier records. Raises UserError for a user's mistake.
    """
    prepared = _prepare(benchmark, _path(out), _path(prompts_file), plugins, values)
    return forecast(prepared.resolved, prepared.out, _path(store) or prepared.out / "store", calibrate)


def leaderboard(
    folders: str | Path | Iterable[str | Path],
    *,
    published: bool = False,
    metric: Names = (),
    plugins: Plugins | None = None,
) -> LeaderboardResult:
    """The leaderboard of one or several results folders, as ``cytobench leaderboard``.

    With ``published`` the CytoDiff study's figures stand beside. Each ``metric`` named is shown too (``mcc``,
    ``recall:EOS``), and the first one ranks the rows. Raises UserError for a folder without records, and for an unknown
    metric.
    """
    results = read_results(_paths(folders), _names(metric), _loading(plugins))
    board = results.board
    return LeaderboardResult(with_published(board, results.records) if published else board)


def read_records(folders: str | Path | Iterable[str | Path]) -> list[Record]:
    """All that is on record of each trial of one or several results folders; docs/results.md names the keys.

    Raises UserError for a folder without records, and for a damaged one.
    """
    return read_records_of(_paths(folders))


def verify(
    folder: str | Path,
    trial: str,
    *,
    dataset: str | Path | None = None,
    device: str | None = None,
    set: Mapping[str, Mapping[str, Any]] | None = None,
    out: str | Path | None = None,
    tolerance: float = TOLERANCE,
    progress: bool = False,
    in_process: bool | None = None,
    plugins: Plugins | None = None,
) -> Verification:
    """Do a recorded trial of a results folder again and compare, as ``cytobench verify``.

    It is done from nothing, by what its record says, in a folder and store of its own: ``out``, or a temporary one.
    Where the data set lies elsewhere now, ``dataset`` names it; ``device`` and values of plugins (``set``) replace
    those on record. Every probability within ``tolerance`` of the recorded one is near it.

    Raises UserError where it cannot be done: an unknown or failed trial, a submission, another data set, no plugin.
    Raises CytobenchError if it fails.
    """
    file = _record_file(expanded(folder), trial)
    record = read_record(file)
    predictions = predictions_of(record, file)
    values = _values_of(record, dataset, device, set)
    plugins = plugins or load_plugins()
    with TemporaryDirectory(prefix="cytobench-verify-") as temporary:
        place = _path(out) or Path(temporary)
        if any(place.glob("*")) and not (place / BENCHMARK_FILE).is_file():
            raise UserError(f"{option('out', place)} holds other things. Give a new folder.")
        present = _prepare(None, place, None, plugins, values).resolved.dataset
        if present.digest != record.dataset.digest:
            raise UserError(
                f"{option('dataset', values['dataset'])} is not the data set of {record.trial}: its images or labels "
                f"are others ({present.digest[:12]}, on record {record.dataset.digest[:12]})."
            )
        done = run(None, out=place, progress=progress, in_process=in_process, plugins=plugins, **values).outcome
        if done.failed:
            raise CytobenchError(f"{record.trial} fails when it is done again: {next(iter(done.failed.values()))}")
        [name] = done.done or done.reused
        repeated = place / "records" / f"{name}.json"
        again = read_record(repeated)
        return verify_record(record, predictions, again, predictions_of(again, repeated), tolerance)


def _record_file(folder: Path, trial: str) -> Path:
    """The record of a trial that is named, or whose file is."""
    files = {file.stem: file for file in sorted(folder.glob("records/*.json"))}
    if not files:
        raise UserError(f"{folder} holds no records. Name a results folder, the {option('out')} of a run.")
    name = Path(trial).name.removesuffix(".json")
    if name not in files:
        raise UserError(f"{trial}: no such trial in {folder}.{did_you_mean(name, files)} `cytobench show` lists all.")
    return files[name]


def _values_of(
    record: Record, dataset: str | Path | None, device: str | None, changes: Mapping[str, Mapping[str, Any]] | None
) -> Parameters:
    """What a run of this one trial is given; of the recorded run all that is of other rows is left out."""
    if record.submission is not None:
        raise UserError(f"{record.trial} was made outside cytobench: nothing here can do it again.")
    if record.status == "failed":
        raise UserError(f"{record.trial} failed: it has no predictions. `cytobench run` tries it again.")
    extractors = {used.extractor.name for used in record.fidelity}
    names = {record.classifier.name, *([record.generator.name] if record.generator else []), *extractors}
    ran = record.benchmark
    settings = {name: dict(table) for name, table in ran.get("set", {}).items() if name in names}
    for name, table in (changes or {}).items():
        settings[name] = {**settings.get(name, {}), **table}
    values: dict[str, Any] = {
        **{key: value for key, value in ran.items() if key not in ("analysis", "presets")},
        "generator": [record.generator.name] if record.generator else [],
        "classifier": [record.classifier.name],
        "extractor": sorted(extractors),
        "synthetic": [record.n_synthetic],
        "shots": [record.shots] if record.shots else list(ran.get("shots", []))[:1] or None,
        "fold": [record.protocol.fold],
        "seed": record.seed,
        "repeats": 1,
        "set": settings,
        "variants": {name: variant for name, variant in ran.get("variants", {}).items() if name in names},
    }
    values |= {key: value for key, value in (("dataset", dataset), ("device", device)) if value is not None}
    return cast(Parameters, values)


def compare(
    folder: str | Path,
    a: str | None = None,
    b: str | None = None,
    *,
    metric: Names = (),
    plugins: Plugins | None = None,
) -> dict[str, Any]:
    """What two rows of a results folder differ by, as ``cytobench compare --json``; docs/statistics.md names the keys.

    Without ``a`` and ``b`` the comparisons that the benchmark declares. The first ``metric`` named is what is compared,
    in place of the one declared. Raises UserError for an unknown row or metric, and for rows that cannot be compared,
    saying why.
    """
    return compared_values(compare_results(expanded(folder), a, b, _names(metric), _loading(plugins)))


def score(
    predictions: str | Path | pd.DataFrame, *, metric: Names = (), plugins: Plugins | None = None
) -> dict[str, Any]:
    """Accuracy, macro F1, macro AUC and each ``metric`` named, of any system, as ``cytobench score --json``.

    ``predictions`` is a table, or a CSV or Parquet file, with the columns ``label`` and ``predicted``, one line an
    image, and optionally ``p_LABEL`` for every class; with a column ``split`` each split is scored, under ``splits`` if
    there are several. What is odd and no mistake is warned of. Raises UserError for what cannot be scored.
    """
    if isinstance(predictions, str | Path):
        checked = read_predictions(expanded(predictions), NEEDED)
    else:
        checked = check_predictions(predictions, NEEDED, "predictions")
    names = [*(shown.name for shown in STUDY), *_names(metric)]
    notes, scores = notes_on(checked), score_by_split(checked, find_metrics(names, _loading(plugins)))
    for note in (*notes, *failures(scores)):
        warnings.warn(f"{note}.", stacklevel=2)
    return plain_scores(scores)


def fidelity(
    real: str | Path,
    synthetic: str | Path,
    *,
    shots: str | Path | None = None,
    holdout: str | Path | None = None,
    shots_chosen: str | None = None,
    pairs: str | Path | None = None,
    extractor: str = "lite0",
    set: Mapping[str, Mapping[str, Any]] | None = None,
    preset: str = "paper",
    device: str | None = None,
    seed: int = 42,
    plugins: Plugins | None = None,
) -> dict[str, Any]:
    """How near synthetic images are to real ones, as ``cytobench fidelity --json``; docs/fidelity.md names the keys.

    ``real`` and ``synthetic`` are folders of classes, flat folders or manifests. With ``shots``, what the generator was
    tuned on, its images are tested for copies of them, against ``holdout`` (by default the real ones); ``pairs`` is a
    PNG file for the closest pairs. Raises UserError for a user's mistake.
    """
    from cytobench.pipeline.fidelity.report import Sources, compare_folders  # imports torch

    report = compare_folders(
        Sources(Path(real), Path(synthetic), _path(shots), _path(holdout), shots_chosen),
        extractor,
        values=set,
        preset=checked_preset(preset),
        device=named_device(device) or default_device(),
        seed=seed,
        pairs=_path(pairs),
        plugins=plugins,
    )
    if pairs is not None:
        report.draw_pairs(expanded(pairs))
    return report.as_json()


def _paths(folders: str | Path | Iterable[str | Path]) -> list[Path]:
    several = [folders] if isinstance(folders, str | Path) else folders
    return [expanded(folder) for folder in several]


def _names(metric: Names) -> list[str]:
    """One name, or several."""
    return [metric] if isinstance(metric, str) else list(metric)


def _loading(plugins: Plugins | None) -> Callable[[], Plugins]:
    return load_plugins if plugins is None else lambda: plugins


def _path(place: str | Path | None) -> Path | None:
    return None if place is None else expanded(place)


@dataclass(frozen=True)
class _Prepared:
    resolved: Resolved
    plugins: Plugins
    out: Path


def _prepare(
    benchmark: str | Path | None,
    out: Path | None,
    prompts_file: Path | None,
    plugins: Plugins | None,
    parameters: Parameters,
) -> _Prepared:
    values = {name: value for name, value in parameters.items() if value is not None}
    declared = _declare(benchmark, prompts_file, values)
    plugins = plugins or load_plugins()
    if not declared.classifier:
        installed = ", ".join(plugins.classifiers)
        raise UserError(f"no classifier given. Add {option('classifier', 'NAME')}; installed: {installed}.")
    preset = declared.preset or default_preset(declared.dataset, plugins)
    declared = declared.at(preset, overridden=values)
    out = out or Path("results") / f"{_short(declared.dataset)}-{find_protocol(declared.protocol).name}-{preset}"
    before = recorded_benchmark(out)
    resolved = resolve(declared, plugins, before.device if before else None)
    if not resolved.trials:
        raise UserError(
            f"nothing to run: with {option('synthetic')} above 0 only, a {option('generator')} is needed."
        )
    known = before.analysis if before else Analysis()
    if "analysis" not in declared.model_fields_set:
        resolved = replace(resolved, benchmark=resolved.benchmark.model_copy(update={"analysis": known}))
    elif declared.analysis not in (known, Analysis()):
        rows = [
            Named(arm.row, arm.classifier.name, arm.classifier.offer.spec.name, arm.n) for arm in resolved.arms
        ]
        check_declaration(declared.analysis, rows, str(benchmark or arguments()))
    return _Prepared(resolved, plugins, out)


def _declare(benchmark: str | Path | None, prompts_file: Path | None, values: Mapping[str, Any]) -> Benchmark:
    """The benchmark with the values over it: tables of plugins and variants are merged, all else is replaced."""
    declared: dict[str, Any] = {}
    if benchmark is not None:
        file = find_benchmark(benchmark)
        declared = read_benchmark(file).model_dump(mode="json", exclude_none=True, exclude_unset=True)
    merged = {**declared, **values}
    for table in ("set", "variants"):
        if table in declared and table in values:
            merged[table] = {**declared[table], **values[table]}
    for plugin in declared.get("set", {}).keys() & values.get("set", {}).keys():
        merged["set"][plugin] = {**declared["set"][plugin], **values["set"][plugin]}
    if prompts_file is not None:
        merged["prompts"] = {**merged.get("prompts", {}), **read_prompts(prompts_file)}
    return make_benchmark(merged, str(benchmark or arguments()))


def _short(dataset: str) -> str:
    path = Path(dataset)
    return dataset.replace(":", "-") if not path.exists() else path.resolve().stem
