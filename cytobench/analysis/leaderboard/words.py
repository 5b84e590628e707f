"""What analysis says of rows in remarks and messages; how tables are worded is in ``reporting/words.py``."""

from __future__ import annotations

from collections.abc import Collection

from cytobench.analysis.leaderboard.model import Replicate, Row
from cytobench.errors import option

SUBMITTED_TEXT = (
    "SUBMITTED: predictions of a system outside cytobench, checked row by row against the split; that it saw no image "
    "it was tested on is the submitter's word"
)
COPIES = "COPIES OF REAL IMAGES"
"""How a row is marked whose images are called synthetic and are not."""


def elsewhere_text(row: Row) -> str:
    """What is said of a row whose images or weights come from outside the run, by what was declared."""
    seen = f"MAY HAVE SEEN THE TEST IMAGES, not ranked; say what it has seen with {option('trained_on')}"
    said = {
        "undeclared": seen,
        "listed": "the images it has seen are in training alone, as declared",
        "per-fold": "each fold has its own, as declared",
        "external": "it has seen none of this data, as declared",
    }
    return f"made elsewhere: {said[row.made_elsewhere]}"


def copies_text(row: Row) -> str:
    """What is said of a row whose synthetic images equal or nearly equal real ones, or were not all compared with them.

    Empty where all were compared and none does, and of a control that was not compared.
    """
    copies = row.copies
    if copies is None or not (copies.found or copies.unchecked):
        return ""
    if not copies.found:
        return "" if copies.by_design else "not checked: whether its images are copies of real ones"
    equal = f", {copies.equal} in every pixel" if copies.equal else ""
    count = f"{copies.found} of {copies.n_images} images equal or nearly equal a real one{equal}"
    return f"copies of real images, being a control: {count}" if copies.by_design else f"{COPIES}, not ranked: {count}"


def third_party_text(row: Row) -> str:
    """``third-party: generator of cytobench-turned 0.1.0``; empty where all is built in."""
    makers = [f"{maker.part} of {maker.distribution} {maker.version}" for maker in row.third_party]
    return f"third-party: {', '.join(makers)}" if makers else ""


def environments_text(row: Row, seeds: Collection[int]) -> str:
    """``not all made alike: folds 0, 1 with torch 2.9.0; fold 2 with torch 2.10.0``; empty where they are.

    ``seeds`` are those of the section.
    """
    texts = []
    for environment in row.environments:
        named = ", ".join(f"{name} {value}" for name, value in environment.made_with)
        texts.append(f"{replicates_text(environment.replicates, seeds)} with {named or 'what is not on record'}")
    return f"not all made alike: {'; '.join(texts)}" if texts else ""


def unchecked_text(row: Row, seeds: Collection[int]) -> str:
    """What is said of a row whose predictions are not all there."""
    return f"SCORES NOT CHECKED, not ranked: the predictions of {replicates_text(row.unchecked, seeds)} are not there"


def gaps_text(row: Row, seeds: Collection[int]) -> str:
    """What is said of a row that lacks the score that ranks in some finished trials, and has it in others."""
    return f"NOT RANKED: the score that ranks is missing in {replicates_text(row.gaps, seeds)}"


def replicates_text(replicates: Collection[Replicate], seeds: Collection[int]) -> str:
    """``fold 2``, ``folds 2, 4``, or with several seeds ``seed 43 folds 2, 4``."""
    texts = []
    for seed in sorted({where.seed for where in replicates}):
        folds = [str(where.fold) for where in replicates if where.seed == seed]
        text = f"fold{'s' if len(folds) > 1 else ''} {', '.join(folds)}"
        texts.append(f"seed {seed} {text}" if len(seeds) > 1 else text)
    return "; ".join(texts)
