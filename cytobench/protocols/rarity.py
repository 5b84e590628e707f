"""Which classes are too rare for the folds and the shots of a run, found by dividing as the run would."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cytobench._dataset import Finding
from cytobench.data.dataset import Dataset
from cytobench.errors import UserError, is_on_the_command_line, option
from cytobench.protocols import Fold, Protocol, RareClass, TooRare, draw_shots, refuse_few_folds, split
from cytobench.protocols.evenness import uneven_folds


@dataclass(frozen=True)
class Rarity:
    """What a run would meet: it refuses ``too_rare`` classes, and goes on with ``fewer_shots``."""

    too_rare: tuple[RareClass, ...]
    fewer_shots: Mapping[str, tuple[int, ...]]
    """Shots of each class that has fewer than asked for in some fold, by fold; with ``too_rare`` left to training."""
    problem: str | None
    """Why the data set cannot be divided even then; ``fewer_shots`` is empty."""
    uneven: tuple[Finding, ...]
    """What is uneven about the folds, with ``too_rare`` left to training."""
    ways_out: tuple[str, ...]
    """Options of which each lets a run go on past ``too_rare``."""


def refuse_counts(folds: int, shots: int) -> None:
    """Raise UserError for numbers of folds and shots that no run takes."""
    refuse_few_folds(folds)
    if shots < 1:
        raise UserError(f"{option('shots', shots)}: must be at least 1.")


def find_rare(dataset: Dataset, protocol: Protocol, folds: int, shots: int, seed: int) -> Rarity:
    """Divide a data set into at least 3 folds and draw at least 1 shot a class, as a run does."""
    divided, error = _divide(dataset, protocol, folds, seed)
    rare = error.classes if isinstance(error, TooRare) else ()
    if rare:
        divided, error = _divide(dataset, protocol, folds, seed, [each.label for each in rare])
    drawn = {
        label: tuple(len(draw_shots(dataset, protocol, fold, label, shots, seed)) for fold in divided)
        for label in dataset.labels
    }
    fewer = {label: counts for label, counts in drawn.items() if min(counts, default=shots) < shots}
    ways_out = _ways_out(dataset, protocol, seed, rare, apart=error is None) if rare else ()
    uneven = uneven_folds(dataset, divided, [each.label for each in rare]) if divided else []
    return Rarity(rare, fewer, None if error is None else str(error), tuple(uneven), ways_out)


def _divide(
    dataset: Dataset, protocol: Protocol, folds: int, seed: int, train_only: Sequence[str] = ()
) -> tuple[list[Fold], UserError | None]:
    """The folds, or none and why."""
    try:
        return split(dataset, protocol, folds, seed, train_only), None
    except UserError as error:
        return [], error


def _ways_out(
    dataset: Dataset, protocol: Protocol, seed: int, rare: Sequence[RareClass], apart: bool
) -> tuple[str, ...]:
    """Options that were tried and work; ``apart`` is whether ``train_only`` does. Merging is the user's to choose."""
    least = min(each.units for each in rare)
    label, of_each = (rare[0].label, "") if len(rare) == 1 else ("LABEL", " for each of them")
    if is_on_the_command_line():
        label = shlex.quote(label)
    ways = [option("folds", least)] if least >= 3 and _divide(dataset, protocol, least, seed)[0] else []
    ways += [option("train_only", label) + of_each] if apart else []
    return (*ways, option("merge", f"{label},OTHER=NAME") + of_each)
