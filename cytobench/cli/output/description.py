"""What ``cytobench data describe`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cytobench._text import printable
from cytobench.cli.output.table import table

SHOWN = 5
"""Sets of copies and sizes shown; ``--json`` has all."""


def show(described: dict[str, Any]) -> None:
    """Print a description made by :func:`cytobench.protocols.describe.describe`."""
    images, classes = described["images"], described["classes"]
    click.echo(f"{described['name']}: {images} images, {len(classes)} classes, {described['path']}")
    table(
        ("class", "other name", "images", "different", "groups", "sharpness"),
        [
            [row[key] if row[key] else "" for key in ("label", "other_name")]
            + [row["images"], row["different_images"], row["groups"] or "", _measured(row["sharpness"])]
            for row in classes
        ],
    )
    _sizes(described["sizes"])
    for mode in described["modes"]:
        click.echo(f"stored as {mode['mode']}: {mode['images']}, {mode['conversion']}")
    _groups(described["groups"], images, {finding["kind"] for finding in described["findings"]})
    _quality(described["quality"])
    _copies(described["duplicates"])
    _optics(described["optics"])
    _rare(described["rare"])
    for finding in described["findings"]:
        click.echo(f"to know: {finding['text']}")
    if described["ignored"]:
        click.echo(f"left alone: {len(described['ignored'])} files that are no images by their name")
    if described["ignored_images"]:
        named = ", ".join(described["ignored_images"][:SHOWN])
        more = len(described["ignored_images"]) - SHOWN
        also = f" and {more} more" if more > 0 else ""
        text = f"  of these hold a picture: {named}{also}; a run leaves them out, so name them like one (.png)"
        click.echo(printable(text.encode("utf-8", "replace").decode()))
    _prompts(described["prompts"])
    if described["bad"]:
        click.echo(f"\nbad images, refused by a run: {len(described['bad'])}")
        for image in described["bad"]:
            click.echo(f"  {image['path']}: {image['reason']}")


def _sizes(sizes: dict[str, int]) -> None:
    parts = [f"{size} ({number})" for size, number in list(sizes.items())[:SHOWN]]
    more = f", and {len(sizes) - SHOWN} more" if len(sizes) > SHOWN else ""
    click.echo(f"\nwidth x height in pixels: {', '.join(parts) or 'none'}{more}")


def _groups(groups: dict[str, int] | None, images: int, found: set[str]) -> None:
    if groups and groups["images_without"]:
        click.echo(f"groups: {groups['number']}; {groups['images_without']} of {images} images name no patient")
    elif groups:
        click.echo(f"groups: {groups['number']}; every image has one")
    else:
        none = "none used" if found & {"unused_patients", "unused_table"} else "none named"
        click.echo(f"groups: {none}, so a split can keep only images apart, not patients or slides")


def _quality(quality: dict[str, Any] | None) -> None:
    if quality:
        text = "quality: {min:g} to {max:g}, median {median:g}; images without one: {images_without}"
        click.echo(text.format(**quality))


def _copies(duplicates: dict[str, Any]) -> None:
    within, across = duplicates["within_classes"], duplicates["across_classes"]
    click.echo(f"copies (equal pixels) within a class: {len(within)} sets")
    _some([", ".join(paths) for paths in within])
    click.echo(f"copies with contradicting labels: {len(across)} sets")
    _some([", ".join(copies["paths"]) for copies in across])


def _optics(optics: dict[str, Any]) -> None:
    click.echo(f"blurred images: {len(optics['blurred'])}")
    _some(
        [
            f"{image['path']}: sharpness {_measured(image['sharpness'])}, median {_measured(image['median'])}"
            for image in optics["blurred"]
        ]
    )
    for name, shade in (("over_exposed", "white"), ("under_exposed", "black")):
        click.echo(f"{name.replace('_', '-')} images: {len(optics[name])}")
        _some(
            [f"{image['path']}: {image[shade]:.0%} {shade}, median {image['median']:.0%}" for image in optics[name]]
        )


def _measured(sharpness: float | None) -> str:
    return "" if sharpness is None else f"{sharpness:.3f}"


def _rare(rare: dict[str, Any]) -> None:
    """Classes that a run of so many folds refuses, and those that give fewer shots than asked for."""
    folds, shots = rare["folds"], rare["shots"]
    click.echo(f"\nclasses too rare for {folds} folds, refused by a run: {len(rare['too_rare'])}")
    for row in rare["too_rare"]:
        click.echo(f"  {row['label']}: {row['units']} {row['counted']}")
    if rare["ways_out"]:
        click.echo(f"  ways out: {', or '.join(rare['ways_out'])}")
    if rare["problem"]:
        left = " even without them" if rare["too_rare"] else ""
        click.echo(f"cannot be divided{left}: {rare['problem']}")
        return
    click.echo(f"classes with fewer than {shots} shots, a run takes what there is: {len(rare['fewer_shots'])}")
    apart = {row["label"] for row in rare["too_rare"]}
    for row in rare["fewer_shots"]:
        low, high = min(row["by_fold"]), max(row["by_fold"])
        left = ", with --train-only" if row["label"] in apart else ""
        click.echo(f"  {row['label']}: {low if low == high else f'{low} to {high}'} a fold{left}")


def _some(lines: Sequence[str]) -> None:
    for line in lines[:SHOWN]:
        click.echo(f"  {line}")
    if len(lines) > SHOWN:
        click.echo(f"  and {len(lines) - SHOWN} more (--json lists all)")


def _prompts(prompts: dict[str, Any]) -> None:
    parts = ("generator", "classifier")
    counted = all(pair[part]["tokens"] is not None for pair in prompts.values() for part in parts)
    click.echo("")
    rows = []
    for label, pair in prompts.items():
        tokens = [pair[part]["tokens"] if counted else "?" for part in parts]
        rows.append((label, pair["origin"], *tokens))
    table(("class", "prompts from", "generator tokens", "classifier tokens"), rows)
    for label, pair in prompts.items():
        for part in parts:
            click.echo(f"{label}, {part}: {pair[part]['text']}")
    if not counted:
        click.echo("token counts need a classifier that counts them and its libraries: cytobench plugins --check")
    for label, pair in prompts.items():
        for part in parts:
            if pair[part]["cut"]:
                click.echo(f"cut at 77 tokens, {label}, {part}: ... {pair[part]['cut']}")
