"""The best of the declared baselines of each classifier's plugin, as validation says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cytobench.analysis.comparison.candidates import Candidate, goodness_on_validation, primary, validated
from cytobench.analysis.comparison.declared import baselines, compared_with_baselines, fits, matches
from cytobench.analysis.leaderboard.model import ScoreKey
from cytobench.analysis.leaderboard.words import replicates_text
from cytobench.config.benchmark import Analysis


@dataclass(frozen=True)
class Baselines:
    """The declared baselines of one classifier plugin."""

    plugin: str
    among: tuple[Candidate, ...]
    """Those that validation chose among, the best first."""
    left_out: tuple[tuple[Candidate, str], ...]
    """Those that cannot be chosen, each with the reason."""

    @property
    def best(self) -> Candidate | None:
        """The row with the best primary metric on validation; None if none can be chosen."""
        return self.among[0] if self.among else None


def best_baselines(section: Sequence[Candidate], analysis: Analysis) -> dict[str, Baselines]:
    """The baselines of every plugin that has a compared row, by plugin; ``section`` without submitted rows.

    Of equal scores the row with fewer synthetic images is the best, then the first by name: nothing that depends on
    test scores.
    """
    _, validation = primary(section[0].section, analysis.metric)
    named = [row.named for row in section]
    declared = [section[number] for number in baselines(analysis, named)]
    best = {}
    for plugin in dict.fromkeys(section[number].plugin for number in compared_with_baselines(analysis, named)):
        judged = [(row, _why_not(row, validation)) for row in declared if row.plugin == plugin]
        among = sorted((row for row, why in judged if not why), key=lambda row: _order(row, validation))
        best[plugin] = Baselines(plugin, tuple(among), tuple((row, why) for row, why in judged if why))
    return best


def absent_baselines(section: Sequence[Candidate], analysis: Analysis) -> list[str]:
    """What is declared as a baseline and has no finished trial: rows that failed, patterns that fit no row yet."""
    names = [candidate.row.row for candidate in section]
    declared = [row.row for row in section[0].section.rows if fits(row.row, analysis.baselines)]
    patterns = [pattern for pattern in analysis.baselines if not any(matches(name, pattern) for name in declared)]
    return [*(name for name in declared if name not in names), *patterns]


def _why_not(candidate: Candidate, validation: ScoreKey) -> str:
    row = candidate.row
    if not row.complete:
        return f"INCOMPLETE: {replicates_text(row.missing, candidate.section.seeds)} missing"
    if row.made_elsewhere == "undeclared":
        return "it may have seen the test images"
    if row.unchecked:
        return "its predictions are not there"
    if row.copied:
        return "its images are copies of real ones"
    return "" if validated(candidate, validation) is not None else "no figure on validation"


def _order(candidate: Candidate, validation: ScoreKey) -> tuple[float, int, str]:
    return -goodness_on_validation(candidate, validation), candidate.row.n_synthetic, candidate.name
