"""What a run's data are made of: images, groups and shots of every class in every fold, before any work is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cytobench._text import aligned_lines
from cytobench.config.grid import Trial
from cytobench.config.resolve import Resolved
from cytobench.pipeline.plan import Planner
from cytobench.protocols import listed_elsewhere

Parts = tuple[int, int, int]
"""Train, validation, test."""


@dataclass(frozen=True)
class ClassCount:
    """What a class has in all, and in every fold that runs: its images, groups (0 where none is named) and shots."""

    label: str
    images: int
    groups: int
    shots: tuple[int, ...]
    """By fold; empty if no generator is tuned."""
    fold_images: tuple[Parts, ...]
    fold_groups: tuple[Parts, ...]


def class_counts(resolved: Resolved, planner: Planner) -> list[ClassCount]:
    """The counts of each class, in the order of labels; of real images, divided without synthetic ones."""
    table, folds = resolved.dataset.table, resolved.benchmark.fold or ()
    asked = max((trial.arm.shots for trial in resolved.trials), default=0)
    tuned = next((trial for trial in resolved.trials if trial.arm.shots == asked and asked), None)
    shots = [planner.shots(Trial(tuned.arm, fold)) for fold in folds] if tuned is not None else []
    divided = [planner.divide(0)[fold] for fold in folds]
    counts = []
    for label in resolved.dataset.labels:
        of_class = (table["label"] == label).to_numpy()
        parts = [[rows[of_class[rows]] for rows in (fold.train, fold.val, fold.test)] for fold in divided]
        groups = table["group"]
        counts.append(
            ClassCount(
                label=label,
                images=int(np.sum(of_class)),
                groups=int(groups[of_class].nunique()),
                shots=tuple(len(of_fold[label]) for of_fold in shots),
                fold_images=tuple((len(train), len(val), len(test)) for train, val, test in parts),
                fold_groups=tuple(
                    (groups.iloc[train].nunique(), groups.iloc[val].nunique(), groups.iloc[test].nunique())
                    for train, val, test in parts
                ),
            )
        )
    return counts


def shots_note(resolved: Resolved, planner: Planner) -> str:
    """How many of the images that a file lists as shots each fold cannot use, in words; empty if it can use all."""
    folds = [planner.divide(0)[fold] for fold in resolved.benchmark.fold or ()]
    return listed_elsewhere(resolved.dataset, resolved.protocol, resolved.choice, folds)


def composition_lines(counts: Sequence[ClassCount], folds: Sequence[int], pooled: bool, seeds: int) -> list[str]:
    """The counts as aligned lines of text, with a line that says how to read them."""
    grouped = any(count.groups for count in counts)
    header = ["class", "images", *(["groups"] if grouped else []), "shots", *(f"fold {fold}" for fold in folds)]
    rows = [header]
    for count in counts:
        cells = [_parts(i, g if grouped else None) for i, g in zip(count.fold_images, count.fold_groups, strict=True)]
        groups = [str(count.groups)] if grouped else []
        rows.append([count.label, str(count.images), *groups, _range(count.shots), *cells])
    legend = "folds: real images to train / validate / test"
    legend += ", in brackets their groups" if grouped else ""
    legend += "; with synthetic images the folds are others" if pooled else ""
    legend += "; of the first seed, the other seeds divide anew" if seeds > 1 else ""
    return [*aligned_lines(rows), legend]


def _parts(images: Parts, groups: Parts | None) -> str:
    text = "/".join(map(str, images))
    return text if groups is None else f"{text} ({'/'.join(map(str, groups))})"


def _range(counts: Sequence[int]) -> str:
    if not counts:
        return "-"
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low}-{high}"
