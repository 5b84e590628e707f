"""Which classes are too rare for the folds and the shots of a run, found by dividing as the run would."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from cytobench.data.dataset import Dataset
from cytobench.errors import UserError
from cytobench.protocols import Fold, Protocol, RareClass, TooRare, draw_shots, refuse_few_folds, split


@dataclass(frozen=True)
class Rarity:
    """What a run would meet: it refuses ``too_rare`` classes, and goes on with ``fewer_shots``."""

    too_rare: tuple[RareClass, ...]
    fewer_shots: Mapping[str, tuple[int, ...]]
    """Shots of each class that has fewer than asked for in some fold, by fold; with ``too_rare`` left to training."""
    problem: str | None
    """Why the data set cannot be divided even then; ``fewer_shots`` is empty."""

    @property
    def ways_out(self) -> tuple[str, ...]:
        """Options of which each lets a run go on past ``too_rare``."""
        if not self.too_rare:
            return ()
        least = min(one.units for one in self.too_rare)
        alone = len(self.too_rare) == 1
        label, each = (shlex.quote(self.too_rare[0].label), "") if alone else ("LABEL", " for each of them")
        fewer = (f"--folds {least}",) if least >= 3 else ()
        apart = () if self.problem else (f"--train-only {label}{each}",)
        return (*fewer, *apart, f"--merge {label},OTHER=NAME{each}")


def refuse_counts(folds: int, shots: int) -> None:
    """Raise UserError for numbers of folds and shots that no run takes."""
    refuse_few_folds(folds)
    if shots < 1:
        raise UserError(f"--shots {shots}: must be at least 1.")


def find_rare(dataset: Dataset, protocol: Protocol, folds: int, shots: int, seed: int) -> Rarity:
    """Divide a data set into at least 3 folds and draw at least 1 shot a class, as a run does."""
    rare: tuple[RareClass, ...] = ()
    problem, divided = None, list[Fold]()
    try:
        divided = split(dataset, protocol, folds, seed)
    except TooRare as error:
        rare = error.classes
    except UserError as error:
        problem = str(error)
    if rare:
        try:
            divided = split(dataset, protocol, folds, seed, train_only=[one.label for one in rare])
        except UserError as error:
            problem = str(error)
    drawn = {
        label: tuple(len(draw_shots(dataset, protocol, fold, label, shots, seed)) for fold in divided)
        for label in dataset.labels
    }
    return Rarity(rare, {label: found for label, found in drawn.items() if min(found, default=shots) < shots}, problem)
