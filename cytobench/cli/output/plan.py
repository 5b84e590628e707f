"""What ``cytobench run --dry-run`` prints."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cytobench.cli.output.table import table
from cytobench.pipeline.dryrun.composition import composition_lines
from cytobench.reporting.words import duration

if TYPE_CHECKING:
    from cytobench.pipeline.dryrun.forecast import Forecast, Item


def as_json(plan: Forecast) -> str:
    """The forecast as one JSON object."""
    return json.dumps({**asdict(plan), "seconds": plan.seconds, "bytes": plan.bytes}, indent=1)


def show(plan: Forecast) -> None:
    """Print classes with their folds, prompts, and the stages with their time."""
    for line in composition_lines(plan.classes, plan.folds, plan.pooled, len(plan.seeds)):
        click.echo(line)
    if plan.external:
        click.echo(plan.external)
    if plan.shots_note:
        click.echo(plan.shots_note)
    for finding in plan.findings:
        click.echo(f"Note: {finding.text}")
    click.echo()
    for label, prompt in plan.prompts.items():
        click.echo(f"{label} ({prompt['origin']}): {prompt['generator']} | {prompt['classifier']}")
    click.echo(f"\n{_grid(plan)}")
    click.echo(f"{plan.trials} trials, {plan.done} of them done")
    table(
        ("stage", "plugin", "of", "to do", "there", "images", "steps", "time", "disk"),
        [
            (
                *(item.kind, item.plugin, _whose(item), item.todo, item.there, _count(item.images)),
                *(_count(item.steps), _time(item.seconds), _disk(item.bytes)),
            )
            for item in plan.items
        ],
    )
    for item in plan.items:
        for reason, number in item.reasons.items():
            click.echo(f"{item.kind} {item.plugin}, {number} to do: {reason}")
    for caution in plan.cautions:
        click.echo(f"caution: {caution}")
    time, disk = _time(plan.seconds), "unknown" if plan.bytes is None else _disk(plan.bytes)
    click.echo(f"in all, on {plan.device}: time {time}; disk {disk} more, the store holds {_disk(plan.kept_bytes)}")
    if plan.calibrated:
        click.echo("time is that of the stages, from a few steps of each, timed just now on this device")
    elif plan.seconds is None:
        click.echo(
            "unknown time: no earlier record of this device and these settings lies beside the results folder; "
            "--calibrate times a few steps of each stage"
        )


def _whose(item: Item) -> str:
    return "built in" if item.built_in else f"third-party, {item.distribution}"


def _grid(plan: Forecast) -> str:
    """The numbers of the grid in one line."""
    axes = {"N": plan.synthetic, "shots": plan.shots, "folds": plan.folds, "seeds": plan.seeds}
    return f"preset {plan.preset}: " + "; ".join(f"{name} {', '.join(map(str, axes[name]))}" for name in axes)


def _count(number: int) -> str:
    return f"{number:,}" if number else "-"


def _time(seconds: float | None) -> str:
    return "unknown" if seconds is None else duration(seconds)


def _disk(size: float | None) -> str:
    return "unknown" if size is None else f"{size / 2**20:,.1f} MiB" if size else "-"

