"""``cytobench run``."""

from __future__ import annotations

import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import click

from cytobench.cli.loading import plugin_module_option, plugins_for_command
from cytobench.cli.metrics import metric_option
from cytobench.errors import UserError
from cytobench.plugins.diverted import prints_to_stderr


class _RunCommand(click.Command):
    """Lists the shipped benchmarks below the options, when help is asked for."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from textwrap import fill

        from cytobench.config.shipped import shipped_benchmarks

        with formatter.section("Benchmarks by name"):
            # click's own lines break at the hyphens of names.
            indent = " " * formatter.current_indent
            names = ", ".join(shipped_benchmarks())
            width = formatter.width
            lines = fill(names, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
            formatter.write(f"{lines}\n")


@click.command(cls=_RunCommand)
@click.argument("benchmark", required=False, metavar="[BENCHMARK.toml|NAME]")
@click.option("--generator", multiple=True, metavar="G", help="Generator; repeatable. See `cytobench plugins`.")
@click.option("--classifier", multiple=True, metavar="C", help="Classifier; repeatable.")
@click.option("--extractor", multiple=True, metavar="E", help="Measure fidelity with this extractor; repeatable.")
@click.option("--dataset", metavar="NAME|PATH", help="Installed data set, folder of classes or manifest. [phantom]")
@click.option("--protocol", metavar="NAME", help="strict, cytodiff, or one with changes: strict+pooled. [strict]")
@click.option("--preset", metavar="pocket|paper", help="Scale. [pocket for phantom, paper for all others]")
@click.option("--synthetic", type=int, multiple=True, metavar="N", help="Images a class. [0, 100; phantom 0, 20]")
@click.option("--shots", type=int, multiple=True, metavar="K", help="Real images a class that tune a generator. [16]")
@click.option("--select", metavar="first|random|sharpest|FILE", help="How shots are chosen. [random]")
@click.option("--folds", type=int, metavar="K", help="How many folds the protocol makes. [5]")
@click.option("--fold", type=int, multiple=True, metavar="I", help="Run only this fold, from 0; repeatable.")
@click.option("--seed", type=int, metavar="S", help="Split, shots, training and sampling. [42]")
@click.option("--repeats", type=int, metavar="R", help="Run all with R seeds, S to S + R - 1. [1]")
@click.option("--limit", type=int, metavar="N", help="Only the first N real images a class; marked in every table.")
@click.option("--train-only", multiple=True, metavar="LABEL", help="A class that trains but is left out of the scores.")
@click.option("--merge", multiple=True, metavar="A,B=NAME", help="Classes taken as one; repeatable.")
@click.option("--set", "values", multiple=True, metavar="PLUGIN.KEY=VALUE", help="A value of a plugin's configuration.")
@click.option("--prompts", type=click.Path(path_type=Path), metavar="FILE", help="TOML, a table a label.")
@click.option("--trained-on", metavar="FILE|per-fold|external", help="What images made elsewhere have seen.")
@click.option("--external-test", metavar="NAME|PATH", help="A data set of the same classes, predicted and shown apart.")
@click.option("--device", metavar="D", help="A torch device. [the accelerator if there is one, else cpu]")
@click.option("--workers", type=int, metavar="N", help="Processes that load images. [0]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="[results/DATASET-PROTOCOL-PRESET]",
)
@click.option("--store", type=click.Path(path_type=Path), metavar="DIR", help="Where stages are kept. [OUT/store]")
@click.option("--trial-timeout", type=float, metavar="SECONDS", help="How long a stage of a trial may take. [no limit]")
@click.option("--memory-limit", type=float, metavar="MIB", help="What a plugin's process may hold. [no limit]")
@click.option(
    "--in-process",
    is_flag=True,
    help="Let plugins work in this process: for a debugger. One that crashes ends the run.",
)
@click.option("--rebuild", is_flag=True, help="Make images and checkpoints again that the store lacks.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--calibrate", is_flag=True, help="With --dry-run: time a few steps of each stage on this device.")
@metric_option
@plugin_module_option
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="The leaderboard as JSON on stdout.")
def run(
    benchmark: str | None,
    values: tuple[str, ...],
    prompts: Path | None,
    out: Path | None,
    store: Path | None,
    trial_timeout: float | None,
    memory_limit: float | None,
    in_process: bool,
    rebuild: bool,
    dry_run: bool,
    calibrate: bool,
    metric: tuple[str, ...],
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Run a benchmark: fit, sample, train and predict over folds, then show the leaderboard.

    BENCHMARK is a TOML file, or the name of one that comes with cytobench; options override it. What is already done is
    not done again. A global --debug shows tracebacks.
    """
    from rich.console import Console

    from cytobench.api import plan
    from cytobench.api import run as run_api
    from cytobench.cli.output.plan import as_json as forecast_json
    from cytobench.cli.output.plan import show
    from cytobench.plugins.loading import STRICT, is_strict
    from cytobench.reporting.leaderboard import FORMATS, print_leaderboard

    declared = {name: value for name, value in options.items() if value not in (None, ())}
    if values:
        declared["set"] = parse_set(values)
    if calibrate and not dry_run:
        raise UserError("--calibrate prices a plan: write --dry-run --calibrate.")
    if rebuild and dry_run:
        raise UserError("--rebuild and --dry-run: a plan shows what is to do for records alone. Leave one out.")
    if dry_run:
        with prints_to_stderr():
            planned = plan(
                benchmark,
                out=out,
                store=store,
                prompts_file=prompts,
                calibrate=partial(click.echo, err=True) if calibrate else None,
                plugins=plugins_for_command(),
                **declared,
            )
        if as_json:
            click.echo(forecast_json(planned))
        else:
            show(planned)
        return 0
    with prints_to_stderr():
        result = run_api(
            benchmark,
            out=out,
            store=store,
            prompts_file=prompts,
            progress=not (quiet or as_json),
            in_process=in_process or None,
            rebuild=rebuild,
            trial_timeout=trial_timeout,
            memory_limit=memory_limit,
            plugins=plugins_for_command(),
            metric=metric,
            **declared,
        )
    if as_json:
        click.echo(FORMATS["json"](result.leaderboard))
    else:
        print_leaderboard(result.leaderboard, Console())
        count = len(result.outcome.done), len(result.outcome.reused)
        click.echo(f"{count[0]} trials done, {count[1]} found done; results in {result.outcome.out}", err=True)
    for name in result.outcome.other_images:
        click.echo(f"{name}: its images were made again, and are others than on record.", err=True)
    for name, reason in result.outcome.unbuilt.items():
        click.echo(f"could not be made again: {name}: {reason}", err=True)
    if result.outcome.failed:
        click.echo(f"{len(result.outcome.failed)} trials failed (tracebacks in their records):", err=True)
        for name, reason in result.outcome.failed.items():
            click.echo(f"  {name}: {reason}", err=True)
    if result.outcome.unmeasured:
        click.echo("fidelity failed, and its figures are missing (tracebacks in the trials' records):", err=True)
        for name, reason in result.outcome.unmeasured.items():
            click.echo(f"  {name}: {reason}", err=True)
    broken = result.outcome.observers and is_strict()
    if broken:
        click.echo(f"{STRICT} allows no observer that breaks; results are complete.", err=True)
    outcome = result.outcome
    wrong = outcome.failed or outcome.unmeasured or outcome.unbuilt or outcome.other_images
    return 1 if wrong or broken else 0


def parse_set(values: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """``PLUGIN.KEY=VALUE`` as nested tables; VALUE is read as TOML, and as a plain text where it is none."""
    result: dict[str, dict[str, Any]] = {}
    for item in values:
        name, separator, text = item.partition("=")
        plugin, dot, key = name.rpartition(".")  # a variant's name may have dots, a key has none
        if not (separator and dot and plugin and key):
            raise UserError(f"--set {item}: write PLUGIN.KEY=VALUE, for example --set sd21-lora.steps=50.")
        result.setdefault(plugin, {})[key] = _value(text)
    return result


def _value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if set(parsed) == {"value"} else text
