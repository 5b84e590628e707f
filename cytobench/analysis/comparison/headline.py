"""The declared family with its adjusted p-values, and the headline: what validation chose, on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cytobench.analysis.comparison.baselines import Baselines, absent_baselines, best_baselines
from cytobench.analysis.comparison.candidates import (
    Candidate,
    declared_analysis,
    goodness_on_validation,
    primary,
    validated,
    why_never_paired,
    why_not_judged,
)
from cytobench.analysis.comparison.cost import GainAndCost, gain_and_cost
from cytobench.analysis.comparison.declared import compared_with_baselines, family
from cytobench.analysis.leaderboard.model import ScoreKey
from cytobench.analysis.leaderboard.standing import by_seed, pair_ratio
from cytobench.analysis.outcomes import Cause, Conclusion, Reason, conclude
from cytobench.config.benchmark import Analysis
from cytobench.metrics.metric import Metric
from cytobench.metrics.statistics.folds import FoldDifference, fold_difference
from cytobench.metrics.statistics.holm import holm


@dataclass(frozen=True)
class DeclaredPair:
    """A declared comparison: the primary metric of a row minus that of its reference, or of the best baseline."""

    row: Candidate
    reference: Candidate
    """The other row, whichever of the two it is."""
    difference: FoldDifference | None
    """None where the two cannot be compared."""
    p_holm: float | None
    """Adjusted for the whole family, whatever of it is shown."""
    family: int
    """How many comparisons the family has; those of equal predictions are one."""
    chosen: bool
    """Whether validation chose this N among those of its generator, classifier and shots."""
    conclusion: Conclusion
    """By the adjusted p."""
    baselines: Baselines | None = None
    """What the other row was chosen among; None if it is the declared reference."""


@dataclass(frozen=True)
class Headline:
    """The N that validation chose against the best baseline, or the reference where no baselines are declared."""

    pair: DeclaredPair
    cost: GainAndCost | None
    """None where the two cannot be compared."""


@dataclass(frozen=True)
class DeclaredFamily:
    """All that a section declares."""

    section: tuple[Candidate, ...]
    analysis: Analysis
    late: str
    """What is to be said of later declarations; empty if there are none."""
    pairs: tuple[DeclaredPair, ...]
    baselines: tuple[Baselines, ...]
    """By classifier plugin, of those that have a compared row."""
    absent: tuple[str, ...]
    """Baselines that are declared and have no finished trial: rows, or patterns."""
    headline: tuple[Headline, ...]


def declared_family(section: Sequence[Candidate]) -> DeclaredFamily:
    """What a section declares, compared. Raises as :func:`declared_pairs` and ``declared_analysis`` do."""
    analysis, late = declared_analysis(section)
    pairs = declared_pairs(section, analysis)
    of_runs = _of_runs(section)
    headline = [pair for pair in pairs if pair.chosen and bool(pair.baselines) == bool(analysis.baselines)]
    return DeclaredFamily(
        section=tuple(section),
        analysis=analysis,
        late=late,
        pairs=tuple(pairs),
        baselines=tuple(best_baselines(of_runs, analysis).values()) if of_runs else (),
        absent=tuple(absent_baselines(of_runs, analysis)) if of_runs else (),
        headline=tuple(Headline(pair, _cost(pair, analysis)) for pair in headline),
    )


def declared_pairs(section: Sequence[Candidate], analysis: Analysis) -> list[DeclaredPair]:
    """Every comparison of the declared family of a section: with references, then with the best baselines.

    Both in the order of the section's rows. A submitted row is in no family, whatever patterns fit it: it came after
    the declaration, and as one more member it would change what the declared comparisons show. Raises as ``family``
    does.
    """
    rows = _of_runs(section)
    if not rows:
        return []
    test, validation = primary(rows[0].section, analysis.metric)
    metric = rows[0].section.metric(analysis.metric)
    chosen = chosen_on_validation(rows, validation)
    named = [row.named for row in rows]
    best = best_baselines(rows, analysis)
    compared: list[tuple[int, Candidate, Baselines | None]] = [
        (number, rows[other], None) for number, other in family(analysis, named)
    ]
    for number in compared_with_baselines(analysis, named):
        baselines = best[rows[number].plugin]
        if baselines.best is not None:
            compared.append((number, baselines.best, baselines))
    differences = [row_difference(rows[number], other, test) for number, other, _ in compared]
    adjusted = holm(
        [
            None if difference is None or obstacle else _against_choice(difference, metric, baselines)
            for (difference, obstacle), (_, _, baselines) in zip(differences, compared, strict=True)
        ],
        hypotheses := [
            (rows[number].row.same_as, other.row.same_as, baselines is None) for number, other, baselines in compared
        ],
    )
    return [
        DeclaredPair(
            row=rows[number],
            reference=other,
            difference=difference,
            p_holm=p,
            family=len(set(hypotheses)),
            chosen=number in chosen,
            conclusion=conclude(difference, metric, obstacle, p),
            baselines=baselines,
        )
        for (number, other, baselines), (difference, obstacle), p in zip(compared, differences, adjusted, strict=True)
    ]


def counts_compared(section: Sequence[Candidate], row: Candidate) -> list[int]:
    """The numbers of synthetic images that ``row``'s was chosen among."""
    return sorted({candidate.row.n_synthetic for candidate in section if candidate.kind == row.kind})


def row_difference(row: Candidate, other: Candidate, key: ScoreKey) -> tuple[FoldDifference | None, Reason | None]:
    """A score of ``row`` minus that of ``other`` over their common folds, and why it shows nothing.

    The difference is None where the two cannot be compared; the reason is None where the difference itself decides.
    """
    never = why_never_paired(row, other)
    if never:
        return None, Reason(Cause.NEVER_PAIRED, never)
    ratio = pair_ratio(row.row, other.row)
    if ratio is None:
        return None, Reason(Cause.NO_COUNTS)
    differences = by_seed(row.row.values.get(key, {}), other.row.values.get(key, {}))
    if not differences:
        return None, Reason(Cause.NO_VALUE, key[1])
    return fold_difference(differences, ratio, row.section.metric(key[1]).span), why_not_judged(row, other)


def chosen_on_validation(section: Sequence[Candidate], validation: ScoreKey) -> set[int]:
    """Numbers of the rows that validation chooses: of each kind the complete one with the best score, then least N."""
    best: dict[tuple[str, str, int], int] = {}
    for number, row in enumerate(section):
        if not row.row.n_synthetic or not row.row.complete or validated(row, validation) is None:
            continue
        before = best.get(row.kind)
        if before is None or _order(row, validation) > _order(section[before], validation):
            best[row.kind] = number
    return set(best.values())


def _of_runs(section: Sequence[Candidate]) -> list[Candidate]:
    return [row for row in section if not row.row.submitted]


def _against_choice(difference: FoldDifference, metric: Metric, baselines: Baselines | None) -> float | None:
    """The p of a difference, before Holm, that the choice of the baseline cannot make too small.

    The baseline that is best on validation tends to be one that is lucky on test too, since both are of the same
    images. That works against a gain, whose p stays. It works for a loss, so that the p of a loss counts every baseline
    that could have been chosen (Bonferroni).
    """
    if baselines is None or difference.p is None or metric.goodness(difference.mean) >= 0:
        return difference.p
    return min(1.0, difference.p * len({row.row.same_as for row in baselines.among}))


def _cost(pair: DeclaredPair, analysis: Analysis) -> GainAndCost | None:
    if pair.difference is None:
        return None
    metric = pair.row.section.metric(analysis.metric)
    return gain_and_cost(pair.row, pair.reference, pair.difference, metric, pair.conclusion)


def _order(row: Candidate, validation: ScoreKey) -> tuple[float, int]:
    return goodness_on_validation(row, validation), -row.row.n_synthetic
