"""Show what ``data describe`` found: tables on a terminal, plain columns elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from cytobench._text import aligned_lines

SHOWN = 5
"""Sets of copies and sizes shown; ``--json`` has all."""


def show(found: dict[str, Any]) -> None:
    """Print a description made by :func:`cytobench.protocols.describe.describe`."""
    images, classes = found["images"], found["classes"]
    click.echo(f"{found['name']}: {images} images, {len(classes)} classes, {found['path']}")
    table(
        ("class", "other name", "images", "different", "groups", "sharpness"),
        [
            [one[key] if one[key] else "" for key in ("label", "other_name")]
            + [one["images"], one["different_images"], one["groups"] or "", _measured(one["sharpness"])]
            for one in classes
        ],
    )
    _sizes(found["sizes"])
    for one in found["modes"]:
        click.echo(f"stored as {one['mode']}: {one['images']}, {one['conversion']}")
    _groups_and_quality(found)
    _copies(found["duplicates"])
    _optics(found["optics"])
    _rare(found["rare"])
    if found["ignored"]:
        click.echo(f"left alone: {len(found['ignored'])} files that are no images by their name")
    _prompts(found["prompts"])
    if found["bad"]:
        click.echo(f"\nbad images, refused by a run: {len(found['bad'])}")
        for one in found["bad"]:
            click.echo(f"  {one['path']}: {one['reason']}")


def _sizes(sizes: dict[str, int]) -> None:
    parts = [f"{size} ({number})" for size, number in list(sizes.items())[:SHOWN]]
    more = f", and {len(sizes) - SHOWN} more" if len(sizes) > SHOWN else ""
    click.echo(f"\nwidth x height in pixels: {', '.join(parts) or 'none'}{more}")


def _groups_and_quality(found: dict[str, Any]) -> None:
    groups, quality = found["groups"], found["quality"]
    if groups:
        click.echo(f"groups: {groups['number']}; images without one: {groups['images_without']}")
    else:
        click.echo("groups: none named, so a split can keep only images apart, not patients or slides")
    if quality:
        text = "quality: {min:g} to {max:g}, median {median:g}; images without one: {images_without}"
        click.echo(text.format(**quality))


def _copies(duplicates: dict[str, Any]) -> None:
    within, across = duplicates["within_classes"], duplicates["across_classes"]
    click.echo(f"copies (equal pixels) within a class: {len(within)} sets")
    _some([", ".join(paths) for paths in within])
    click.echo(f"copies with contradicting labels: {len(across)} sets")
    _some([", ".join(one["paths"]) for one in across])


def _optics(optics: dict[str, Any]) -> None:
    click.echo(f"blurred images: {len(optics['blurred'])}")
    _some(
        [
            f"{one['path']}: sharpness {_measured(one['sharpness'])}, median {_measured(one['median'])}"
            for one in optics["blurred"]
        ]
    )
    for name, shade in (("over_exposed", "white"), ("under_exposed", "black")):
        click.echo(f"{name.replace('_', '-')} images: {len(optics[name])}")
        _some([f"{one['path']}: {one[shade]:.0%} {shade}, median {one['median']:.0%}" for one in optics[name]])


def _measured(sharpness: float | None) -> str:
    return "" if sharpness is None else f"{sharpness:.3f}"


def _rare(rare: dict[str, Any]) -> None:
    """Classes that a run of so many folds refuses, and those that give fewer shots than asked for."""
    folds, shots = rare["folds"], rare["shots"]
    click.echo(f"\nclasses too rare for {folds} folds, refused by a run: {len(rare['too_rare'])}")
    for one in rare["too_rare"]:
        click.echo(f"  {one['label']}: {one['units']} {one['counted']}")
    if rare["ways_out"]:
        click.echo(f"  ways out: {', or '.join(rare['ways_out'])}")
    if rare["problem"]:
        left = " even without them" if rare["too_rare"] else ""
        click.echo(f"cannot be divided{left}: {rare['problem']}")
        return
    click.echo(f"classes with fewer than {shots} shots, a run takes what there is: {len(rare['fewer_shots'])}")
    apart = {one["label"] for one in rare["too_rare"]}
    for one in rare["fewer_shots"]:
        low, high = min(one["by_fold"]), max(one["by_fold"])
        left = ", with --train-only" if one["label"] in apart else ""
        click.echo(f"  {one['label']}: {low if low == high else f'{low} to {high}'} a fold{left}")


def _some(lines: Sequence[str]) -> None:
    for line in lines[:SHOWN]:
        click.echo(f"  {line}")
    if len(lines) > SHOWN:
        click.echo(f"  and {len(lines) - SHOWN} more (--json lists all)")


def _prompts(prompts: dict[str, Any]) -> None:
    parts = ("generator", "classifier")
    counted = all(one[part]["tokens"] is not None for one in prompts.values() for part in parts)
    click.echo("")
    rows = []
    for label, one in prompts.items():
        tokens = [one[part]["tokens"] if counted else "?" for part in parts]
        rows.append((label, one["origin"], *tokens))
    table(("class", "prompts from", "generator tokens", "classifier tokens"), rows)
    for label, one in prompts.items():
        for part in parts:
            click.echo(f"{label}, {part}: {one[part]['text']}")
    if not counted:
        click.echo("token counts need a classifier that counts them and its libraries: cytobench plugins --check")
    for label, one in prompts.items():
        for part in parts:
            if one[part]["cut"]:
                click.echo(f"cut at 77 tokens, {label}, {part}: ... {one[part]['cut']}")


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A rich table on a terminal; elsewhere columns that are aligned with spaces and never wrapped. Nothing is cut."""
    texts = [[str(cell) for cell in row] for row in rows]
    console = Console()
    if console.is_terminal:
        table = Table(*(Column(name, overflow="fold") for name in header))
        for row in texts:
            table.add_row(*row)
        console.print(table)
        return
    for line in aligned_lines([list(header), *texts]):
        click.echo(line)
