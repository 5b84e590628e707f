"""Two rows compared: over folds, over test images, class by class, and what the difference costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING

from cytobench.analysis.comparison.align import aligned, paired_counts
from cytobench.analysis.comparison.candidates import (
    Candidate,
    common_replicates,
    declared_analysis,
    primary,
    why_never_paired,
    why_not_judged,
)
from cytobench.analysis.comparison.cost import GainAndCost, gain_and_cost
from cytobench.analysis.comparison.headline import DeclaredPair, declared_pairs
from cytobench.analysis.leaderboard.model import Replicate, ScoreKey
from cytobench.analysis.leaderboard.standing import by_seed, pair_ratio
from cytobench.analysis.leaderboard.words import (
    SUBMITTED_TEXT,
    copies_text,
    elsewhere_text,
    replicates_text,
    third_party_text,
    unchecked_text,
)
from cytobench.analysis.outcomes import conclude
from cytobench.errors import UserError
from cytobench.metrics.statistics.classes import ClassScore, per_class
from cytobench.metrics.statistics.folds import FoldDifference, fold_difference
from cytobench.metrics.statistics.images import POOLED, SEED, ImageDifference, image_differences, mcnemar_exact
from cytobench.metrics.statistics.units import grouped, unit_numbers

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class OverFolds:
    """A metric's means of both rows over their common replicates, and the difference; None where none has both."""

    a: float | None
    b: float | None
    difference: FoldDifference | None


@dataclass(frozen=True)
class McNemar:
    """``[[both right, only a], [only b, neither]]`` of one seed's images, and the exact p."""

    seed: int
    table: list[list[int]]
    p: float


@dataclass(frozen=True)
class Comparison:
    """Row a minus row b, on the same test images."""

    a: Candidate
    b: Candidate
    split: str
    metric: str
    """The primary one, as declared."""
    replicates: tuple[Replicate, ...]
    remarks: tuple[str, ...]
    """What a reader must know: incomplete rows, one seed, late declarations."""
    ratio: float
    """n_test / n_train of a fold."""
    n_images: int
    n_groups: int | None
    folds: Mapping[str, OverFolds]
    """By metric."""
    images: Mapping[str, ImageDifference]
    """By metric, those of ``POOLED``; empty with fewer than two units to draw from."""
    mcnemar: tuple[McNemar, ...]
    """One a seed: an image counts once."""
    classes: tuple[tuple[ClassScore, ClassScore], ...]
    """Of a and b, class by class."""
    cost: GainAndCost | None
    """None where the primary metric has no value."""
    declared: DeclaredPair | None
    """The pair as a member of the declared family, where b may be the compared row; None if it is none.

    Where the declared reference is also the best baseline the pair is two members, and this is the first.
    """


def compare(a: Candidate, b: Candidate, section: Sequence[Candidate]) -> Comparison:
    """Compare two rows of ``section`` over the replicates that both have finished.

    Raises UserError if they are never paired, saying why, and for predictions that are missing or damaged.
    """
    never = why_never_paired(a, b)
    if never:
        raise UserError(f"{a.name} and {b.name} are never paired: {never}.")
    ratio = pair_ratio(a.row, b.row)
    if ratio is None:
        raise UserError(
            f"the records of {a.name} and {b.name} name no training or test images, so folds cannot be weighed."
        )
    analysis, late = declared_analysis(section)
    (split, metric), _ = primary(a.section, analysis.metric)
    replicates = tuple(common_replicates(a, b))
    table = aligned(a, b, split)
    shown = [metric.name for metric in a.section.metrics]
    folds = {name: _over_folds(a, b, (split, name), replicates, ratio) for name in dict.fromkeys([*shown, metric])}
    evaluated = a.first.evaluated
    pairs = declared_pairs(section, analysis)
    declared = next((pair for pair in pairs if {id(pair.row), id(pair.reference)} == {id(a), id(b)}), None)
    return Comparison(
        a=a,
        b=b,
        split=split,
        metric=metric,
        replicates=replicates,
        remarks=tuple(_remarks(a, b, replicates, late)),
        ratio=ratio,
        n_images=table["path"].nunique(),
        n_groups=len(set(unit_numbers(table))) if grouped(table) else None,
        folds=folds,
        images=_over_images(table, evaluated, shown),
        mcnemar=tuple(_mcnemar(seed, of_seed) for seed, of_seed in table.groupby("seed")),
        classes=tuple(
            zip(*(per_class(table.rename(columns={row: "predicted"}), evaluated) for row in ("a", "b")), strict=True)
        ),
        cost=_cost(a, b, folds[metric].difference, metric, declared),
        declared=declared,
    )


def _over_folds(a: Candidate, b: Candidate, key: ScoreKey, replicates: Sequence[Replicate], ratio: float) -> OverFolds:
    scores = a.row.values.get(key, {}), b.row.values.get(key, {})
    both = [where for where in replicates if where in scores[0] and where in scores[1]]
    if not both:
        return OverFolds(None, None, None)
    means = [fsum(values[where] for where in both) / len(both) for values in scores]
    span = a.section.metric(key[1]).span
    return OverFolds(means[0], means[1], fold_difference(by_seed(*scores), ratio, span))


def _cost(
    a: Candidate,
    b: Candidate,
    gain: FoldDifference | None,
    name: str,
    declared: DeclaredPair | None,
) -> GainAndCost | None:
    if gain is None:
        return None
    metric = a.section.metric(name)
    conclusion = conclude(gain, metric, why_not_judged(a, b), None if declared is None else declared.p_holm)
    return gain_and_cost(a, b, gain, metric, conclusion)


def _over_images(table: pd.DataFrame, evaluated: Sequence[str], metrics: Sequence[str]) -> dict[str, ImageDifference]:
    import numpy as np

    a, b = paired_counts(table, evaluated)
    if len(a) == 1:
        return {}
    scores = {name: POOLED[name] for name in metrics if name in POOLED}
    return image_differences(a, b, scores, np.random.default_rng(SEED))


def _mcnemar(seed: object, table: pd.DataFrame) -> McNemar:
    right = [(table[row] == table["label"]).to_numpy() for row in ("a", "b")]
    return McNemar(int(str(seed)), *mcnemar_exact(*right))


def _remarks(a: Candidate, b: Candidate, replicates: Sequence[Replicate], late: str) -> list[str]:
    seeds = a.section.seeds
    remarks = [late] if late else []
    for candidate in (a, b):
        name, row = candidate.name, candidate.row
        if row.submitted:
            remarks.append(f"{name} is {SUBMITTED_TEXT}.")
        if row.third_party:
            remarks.append(f"{name} is {third_party_text(row)}.")
        if row.made_elsewhere != "no":
            remarks.append(f"{name} is {elsewhere_text(row)}.")
        if row.unchecked:
            remarks.append(f"{name}: {unchecked_text(row, seeds)}.")
        if copies := copies_text(row):
            remarks.append(f"{name}: {copies}.")
        left = [where for where in candidate.trials if where not in replicates]
        if not row.complete:
            remarks.append(f"{name} is INCOMPLETE: {replicates_text(row.missing, seeds)} missing.")
        if left:
            folds = replicates_text(left, seeds)
            remarks.append(f"Left out of {name}, for the other row has not finished it: {folds}.")
    if not seeds:
        remarks.append("The seed of the split is not on record: how much another would change is not known.")
    elif len({where.seed for where in replicates}) == 1:
        remarks.append(f"One seed ({replicates[0].seed}): how much another seed would change is not known.")
    return remarks
