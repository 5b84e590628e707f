"""The Python API: the same as the command line, in three lines."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cytobench.analysis.comparison.declared import Named, check_declaration
from cytobench.analysis.leaderboard import Leaderboard, leaderboard
from cytobench.config.benchmark import Analysis, make_benchmark, read_benchmark
from cytobench.config.resolve import Resolved, default_preset, resolve
from cytobench.config.shipped import find_benchmark
from cytobench.data.prompts import read_prompts
from cytobench.errors import UserError
from cytobench.pipeline.dryrun.forecast import Forecast, forecast
from cytobench.pipeline.progress import Display
from cytobench.pipeline.resume import recorded_benchmark
from cytobench.pipeline.runner import Outcome, run_benchmark
from cytobench.pipeline.workers.executor import open_executor
from cytobench.pipeline.workers.limits import Limits
from cytobench.plugins import Plugins, load_plugins
from cytobench.protocols import find_protocol
from cytobench.storage.records import read_records


@dataclass(frozen=True)
class Result:
    """A finished run: what was done, and the leaderboard of its results folder."""

    outcome: Outcome
    leaderboard: Leaderboard


def run(
    benchmark: str | Path | None = None,
    *,
    out: Path | None = None,
    store: Path | None = None,
    prompts_file: Path | None = None,
    display: Display | None = None,
    executor: Executor | None = None,
    jobs: int = 1,
    in_process: bool | None = None,
    trial_timeout: float | None = None,
    memory_limit: float | None = None,
    plugins: Plugins | None = None,
    **values: Any,
) -> Result:
    """Run a benchmark and return its leaderboard.

    ``benchmark`` is a TOML file, or the name of one that comes with cytobench; ``values`` are fields of
    :class:`~cytobench.config.benchmark.Benchmark` and override it:
    ``run(generator=["sd21-lora"], classifier=["clip"])``. Raises UserError for a user's mistake.

    Plugins work in processes of their own, one stage at a time, each within ``trial_timeout`` seconds and
    ``memory_limit`` MiB where these are given. ``in_process`` lets them work in this one (None: what the environment
    variable ``CYTOBENCH_IN_PROCESS`` says), and with an ``executor`` they work where it runs them.
    """
    chosen = open_executor(executor, in_process, Limits(trial_timeout, memory_limit))
    prepared = _prepare(benchmark, out, prompts_file, plugins, values)
    resolved, out = prepared.resolved, prepared.out
    with chosen as opened:
        outcome = run_benchmark(resolved, prepared.plugins, out, store or out / "store", display, opened, jobs)
    return Result(outcome, leaderboard(read_records([out])))


def plan(
    benchmark: str | Path | None = None,
    *,
    out: Path | None = None,
    store: Path | None = None,
    prompts_file: Path | None = None,
    plugins: Plugins | None = None,
    calibrate: Callable[[str], None] | None = None,
    **values: Any,
) -> Forecast:
    """What :func:`run` with the same arguments would do, without doing it. Raises UserError for a user's mistake.

    With ``calibrate`` a few steps of each kind of stage are timed on this device to price the plan, and it is told of
    each; without, times come from earlier records.
    """
    prepared = _prepare(benchmark, out, prompts_file, plugins, values)
    return forecast(prepared.resolved, prepared.out, store or prepared.out / "store", calibrate)


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
    values: dict[str, Any],
) -> _Prepared:
    declared: dict[str, Any] = {}
    if benchmark is not None:
        found = read_benchmark(find_benchmark(benchmark))
        declared = found.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    merged = declared | values
    if "set" in declared and "set" in values:
        merged["set"] = {
            name: {**declared["set"].get(name, {}), **values["set"].get(name, {})}
            for name in {*declared["set"], *values["set"]}
        }
    if "variants" in declared and "variants" in values:
        merged["variants"] = {**declared["variants"], **values["variants"]}
    if prompts_file is not None:
        merged["prompts"] = {**merged.get("prompts", {}), **read_prompts(prompts_file)}
    wanted = make_benchmark(merged, str(benchmark) if benchmark else "options")
    plugins = plugins or load_plugins()
    if not wanted.classifier:
        raise UserError(f"no classifier given. Add --classifier NAME; installed: {', '.join(plugins.classifiers)}.")
    preset = wanted.preset or default_preset(wanted.dataset, plugins)
    wanted = wanted.at(preset, given=values)
    out = out or Path("results") / f"{_short(wanted.dataset)}-{find_protocol(wanted.protocol).name}-{preset}"
    before = recorded_benchmark(out)
    resolved = resolve(wanted, plugins, before.device if before else None)
    if not resolved.trials:
        raise UserError("nothing to run: with --synthetic above 0 only, a --generator is needed.")
    known = before.analysis if before else Analysis()
    if "analysis" not in wanted.model_fields_set:
        resolved = replace(resolved, benchmark=resolved.benchmark.model_copy(update={"analysis": known}))
    elif wanted.analysis not in (known, Analysis()):
        rows = [
            Named(arm.row, arm.classifier.name, arm.classifier.offer.spec.name, arm.n) for arm in resolved.arms
        ]
        check_declaration(wanted.analysis, rows, str(benchmark or "options"))
    return _Prepared(resolved, plugins, out)


def _short(dataset: str) -> str:
    path = Path(dataset)
    return dataset.replace(":", "-") if not path.exists() else path.resolve().stem
