"""The declared family with its adjusted p-values, and the N that validation chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cytobench.benchmark import Analysis
from cytobench.comparison.candidates import Candidate, primary, why_never_paired
from cytobench.comparison.declared import family
from cytobench.leaderboard.standing import by_seed, split_ratio
from cytobench.statistics.folds import FoldDifference, fold_difference
from cytobench.statistics.holm import ALPHA, holm


@dataclass(frozen=True)
class DeclaredPair:
    """A declared comparison: the primary metric of a row minus that of its reference."""

    row: Candidate
    reference: Candidate
    difference: FoldDifference | None
    """None where the two cannot be compared."""
    p_holm: float | None
    """Adjusted for the whole family, whatever of it is shown."""
    family: int
    """How many comparisons the family has."""
    chosen: bool
    """Whether validation chose this N among those of its generator, classifier and shots."""
    why: str = ""
    """Why there is no verdict; empty where there is one."""

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``not distinguishable`` or ``not known``, by the adjusted p."""
        if self.p_holm is None or self.difference is None:
            return "not known"
        if self.p_holm >= ALPHA:
            return "not distinguishable"
        return "better" if self.difference.mean > 0 else "worse"


def declared_pairs(section: Sequence[Candidate], analysis: Analysis) -> list[DeclaredPair]:
    """Every comparison of the declared family of a section, in the order of its rows. Raises as ``family`` does.

    A submitted row is in no family, whatever patterns fit it: it came after the declaration, and as one more member it
    would change what the declared comparisons show.
    """
    test, validation = primary(section[0].section, analysis.metric)
    section = [one for one in section if not one.row.submitted]
    chosen = _chosen(section, validation)
    pairs = []
    for place, reference in family(analysis, [one.named for one in section]):
        row, other = section[place], section[reference]
        difference, why = _difference(row, other, test)
        p = None if difference is None or why else difference.p
        pairs.append(DeclaredPair(row, other, difference, p, 0, place in chosen, why))
    adjusted = holm([pair.p_holm for pair in pairs])
    return [replace(pair, p_holm=p, family=len(pairs)) for pair, p in zip(pairs, adjusted, strict=True)]


def counts_beside(section: Sequence[Candidate], row: Candidate) -> list[int]:
    """The numbers of synthetic images that ``row``'s was chosen among."""
    return sorted({one.row.n_synthetic for one in section if one.kind == row.kind})


def _difference(row: Candidate, other: Candidate, cell: tuple[str, str]) -> tuple[FoldDifference | None, str]:
    never = why_never_paired(row, other)
    if never:
        return None, never
    differences = by_seed(row.row.values.get(cell, {}), other.row.values.get(cell, {}))
    ratio = split_ratio(row.first)
    if not differences or ratio is None:
        return None, f"{cell[1]} is null in every fold" if ratio else "the records name no training images"
    found = fold_difference(differences, ratio)
    if row.row.made_elsewhere == "undeclared":
        return found, "it may have seen the test images"
    return found, found.why


def _chosen(section: Sequence[Candidate], validation: tuple[str, str]) -> set[int]:
    """Places of the rows that validation chooses: of each kind the complete one with the best figure, then least N."""
    best: dict[tuple[str, str, int], int] = {}
    for place, one in enumerate(section):
        if not one.row.n_synthetic or not one.row.complete or _validated(one, validation) is None:
            continue
        before = best.get(one.kind)
        if before is None or _order(one, validation) > _order(section[before], validation):
            best[one.kind] = place
    return set(best.values())


def _order(one: Candidate, validation: tuple[str, str]) -> tuple[float, int]:
    return _validated(one, validation) or 0.0, -one.row.n_synthetic


def _validated(one: Candidate, validation: tuple[str, str]) -> float | None:
    figure = one.row.figures.get(validation)
    return None if figure is None else figure.mean
