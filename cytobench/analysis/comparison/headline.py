"""The declared family with its adjusted p-values, and the headline: what validation chose, on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cytobench.analysis.comparison.baselines import Baselines, absent_baselines, best_baselines
from cytobench.analysis.comparison.candidates import (
    Candidate,
    declared_analysis,
    goodness_on_validation,
    may_have_seen,
    primary,
    validated,
    why_never_paired,
)
from cytobench.analysis.comparison.cost import GainAndCost, gain_and_cost
from cytobench.analysis.comparison.declared import beside_baselines, family
from cytobench.analysis.leaderboard.standing import by_seed, split_ratio
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
    """How many comparisons the family has."""
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
    own = _own(section)
    wanted = [pair for pair in pairs if pair.chosen and bool(pair.baselines) == bool(analysis.baselines)]
    return DeclaredFamily(
        section=tuple(section),
        analysis=analysis,
        late=late,
        pairs=tuple(pairs),
        baselines=tuple(best_baselines(own, analysis).values()) if own else (),
        absent=tuple(absent_baselines(own, analysis)) if own else (),
        headline=tuple(Headline(pair, _cost(pair, section[0].section.metric(analysis.metric))) for pair in wanted),
    )


def declared_pairs(section: Sequence[Candidate], analysis: Analysis) -> list[DeclaredPair]:
    """Every comparison of the declared family of a section: with references, then with the best baselines.

    Both in the order of the section's rows. A submitted row is in no family, whatever patterns fit it: it came after
    the declaration, and as one more member it would change what the declared comparisons show. Raises as ``family``
    does.
    """
    own = _own(section)
    if not own:
        return []
    test, validation = primary(own[0].section, analysis.metric)
    metric = own[0].section.metric(analysis.metric)
    chosen = chosen_on_validation(own, validation)
    named = [one.named for one in own]
    best = best_baselines(own, analysis)
    compared: list[tuple[int, Candidate, Baselines | None]] = [
        (place, own[other], None) for place, other in family(analysis, named)
    ]
    for place in beside_baselines(analysis, named):
        found = best[own[place].plugin]
        if found.best is not None:
            compared.append((place, found.best, found))
    differences = [row_difference(own[place], other, test) for place, other, _ in compared]
    adjusted = holm(
        [
            None if difference is None or obstacle else _against_choice(difference, metric, baselines)
            for (difference, obstacle), (_, _, baselines) in zip(differences, compared, strict=True)
        ]
    )
    return [
        DeclaredPair(
            row=own[place],
            reference=other,
            difference=difference,
            p_holm=p,
            family=len(compared),
            chosen=place in chosen,
            conclusion=conclude(difference, metric, obstacle, p),
            baselines=baselines,
        )
        for (place, other, baselines), (difference, obstacle), p in zip(compared, differences, adjusted, strict=True)
    ]


def counts_beside(section: Sequence[Candidate], row: Candidate) -> list[int]:
    """The numbers of synthetic images that ``row``'s was chosen among."""
    return sorted({one.row.n_synthetic for one in section if one.kind == row.kind})


def row_difference(
    row: Candidate, other: Candidate, cell: tuple[str, str]
) -> tuple[FoldDifference | None, Reason | None]:
    """A figure (split, metric) of ``row`` minus that of ``other`` over their common folds, and why it shows nothing.

    The difference is None where the two cannot be compared; the reason is None where the difference itself decides.
    """
    never = why_never_paired(row, other)
    if never:
        return None, Reason(Cause.NEVER_PAIRED, never)
    differences = by_seed(row.row.values.get(cell, {}), other.row.values.get(cell, {}))
    ratio = split_ratio(row.first)
    if ratio is None:
        return None, Reason(Cause.NO_COUNTS)
    if not differences:
        return None, Reason(Cause.NO_VALUE, cell[1])
    return fold_difference(differences, ratio), may_have_seen(row, other)


def chosen_on_validation(section: Sequence[Candidate], validation: tuple[str, str]) -> set[int]:
    """Places of the rows that validation chooses: of each kind the complete one with the best figure, then least N."""
    best: dict[tuple[str, str, int], int] = {}
    for place, one in enumerate(section):
        if not one.row.n_synthetic or not one.row.complete or validated(one, validation) is None:
            continue
        before = best.get(one.kind)
        if before is None or _order(one, validation) > _order(section[before], validation):
            best[one.kind] = place
    return set(best.values())


def _own(section: Sequence[Candidate]) -> list[Candidate]:
    return [one for one in section if not one.row.submitted]


def _against_choice(difference: FoldDifference, metric: Metric, baselines: Baselines | None) -> float | None:
    """The p of a difference, before Holm, that the choice of the baseline cannot make too small.

    The baseline that is best on validation tends to be one that is lucky on test too, since both are of the same
    images. That works against a gain, whose p stays. It works for a loss, so that the p of a loss counts every baseline
    that could have been chosen (Bonferroni).
    """
    if baselines is None or difference.p is None or metric.goodness(difference.mean) >= 0:
        return difference.p
    return min(1.0, difference.p * len(baselines.among))


def _cost(pair: DeclaredPair, metric: Metric) -> GainAndCost | None:
    if pair.difference is None:
        return None
    places = set(pair.row.trials) & set(pair.reference.trials)
    return gain_and_cost(pair.row, pair.reference, pair.difference, metric, pair.conclusion, places)


def _order(one: Candidate, validation: tuple[str, str]) -> tuple[float, int]:
    return goodness_on_validation(one, validation), -one.row.n_synthetic
