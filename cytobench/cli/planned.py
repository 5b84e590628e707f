"""How ``run --dry-run`` shows what a run would do."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cytobench.cli.described import table
from cytobench.pipeline.dryrun.composition import composition_lines
from cytobench.reporting.words import duration

if TYPE_CHECKING:
    from cytobench.pipeline.dryrun.forecast import Forecast, Item


def as_json(found: Forecast) -> str:
    """The forecast as one JSON object."""
    return json.dumps({**asdict(found), "seconds": found.seconds, "bytes": found.bytes}, indent=1)


def show(found: Forecast) -> None:
    """Print classes with their folds, prompts, and the stages with their time."""
    for line in composition_lines(found.classes, found.folds, found.pooled, len(found.seeds)):
        click.echo(line)
    if found.external:
        click.echo(found.external)
    if found.shots_note:
        click.echo(found.shots_note)
    click.echo()
    for label, prompt in found.prompts.items():
        click.echo(f"{label} ({prompt['origin']}): {prompt['generator']} | {prompt['classifier']}")
    click.echo(f"\n{_grid(found)}")
    click.echo(f"{found.trials} trials, {found.done} of them done")
    table(
        ("stage", "plugin", "of", "to do", "there", "images", "steps", "time", "disk"),
        [
            (
                *(item.kind, item.plugin, _whose(item), item.todo, item.there, _count(item.images)),
                *(_count(item.steps), _time(item.seconds), _disk(item.bytes)),
            )
            for item in found.items
        ],
    )
    for item in found.items:
        for reason, number in item.reasons.items():
            click.echo(f"{item.kind} {item.plugin}, {number} to do: {reason}")
    time, disk = _time(found.seconds), "unknown" if found.bytes is None else _disk(found.bytes)
    click.echo(f"in all, on {found.device}: time {time}; disk {disk} more, the store holds {_disk(found.kept_bytes)}")
    if found.calibrated:
        click.echo("time is that of the stages, from a few steps of each, timed just now on this device")
    elif found.seconds is None:
        click.echo(
            "unknown time: no earlier record of this device and these settings lies beside the results folder; "
            "--calibrate times a few steps of each stage"
        )


def _whose(item: Item) -> str:
    return "built in" if item.built_in else f"third-party, {item.distribution}"


def _grid(found: Forecast) -> str:
    """The numbers of the grid in one line."""
    axes = {"N": found.synthetic, "shots": found.shots, "folds": found.folds, "seeds": found.seeds}
    return f"preset {found.preset}: " + "; ".join(f"{name} {', '.join(map(str, axes[name]))}" for name in axes)


def _count(number: int) -> str:
    return f"{number:,}" if number else "-"


def _time(seconds: float | None) -> str:
    return "unknown" if seconds is None else duration(seconds)


def _disk(size: float | None) -> str:
    return "unknown" if size is None else f"{size / 2**20:,.1f} MiB" if size else "-"

