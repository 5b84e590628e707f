"""How ``run --dry-run`` shows what a run would do."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cytobench.cli.described import table
from cytobench.composition import composition_lines
from cytobench.leaderboard.words import duration

if TYPE_CHECKING:
    from cytobench.forecast import Forecast, Item


def as_json(found: Forecast) -> str:
    """The forecast as one JSON object."""
    return json.dumps({**asdict(found), "seconds": found.seconds}, indent=1)


def show(found: Forecast) -> None:
    """Print classes with their folds, prompts, and the stages with their time."""
    for line in composition_lines(found.classes, found.folds, found.pooled, len(found.seeds)):
        click.echo(line)
    click.echo()
    for label, prompt in found.prompts.items():
        click.echo(f"{label} ({prompt['origin']}): {prompt['generator']} | {prompt['classifier']}")
    click.echo(f"\n{found.trials} trials, {found.done} of them done")
    table(
        ("stage", "plugin", "to do", "there", "images", "steps", "time"),
        [
            (i.kind, i.plugin, i.todo, i.there, _count(i.images), _count(i.steps), _time(i))
            for i in found.items
        ],
    )
    total = "unknown" if found.seconds is None else f"about {duration(found.seconds)}"
    click.echo(f"time in all, on {found.device}: {total}")
    if found.seconds is None:
        click.echo("unknown: no earlier record of this device and these settings lies beside the results folder")
    click.echo(f"the store holds {found.kept_bytes / 2**20:,.1f} MiB")


def _count(number: int) -> str:
    return f"{number:,}" if number else "-"


def _time(item: Item) -> str:
    return "unknown" if item.seconds is None else duration(item.seconds)

