"""The best of the declared baselines of each classifier's plugin, as validation says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cytobench.analysis.comparison.candidates import Candidate, goodness_on_validation, primary, validated
from cytobench.analysis.comparison.declared import baselines, beside_baselines, fits, matches
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

    Of equal figures the row with fewer synthetic images is the best, then the first by name: nothing that depends on
    test figures.
    """
    _, validation = primary(section[0].section, analysis.metric)
    named = [one.named for one in section]
    declared = [section[place] for place in baselines(analysis, named)]
    found = {}
    for plugin in dict.fromkeys(section[place].plugin for place in beside_baselines(analysis, named)):
        own = [(one, _why_not(one, validation)) for one in declared if one.plugin == plugin]
        among = sorted((one for one, why in own if not why), key=lambda one: _order(one, validation))
        found[plugin] = Baselines(plugin, tuple(among), tuple((one, why) for one, why in own if why))
    return found


def absent_baselines(section: Sequence[Candidate], analysis: Analysis) -> list[str]:
    """What is declared as a baseline and has no finished trial: rows that failed, patterns that fit no row yet."""
    names = [one.row.row for one in section]
    declared = [row.row for row in section[0].section.rows if fits(row.row, analysis.baselines)]
    patterns = [pattern for pattern in analysis.baselines if not any(matches(name, pattern) for name in declared)]
    return [*(name for name in declared if name not in names), *patterns]


def _why_not(one: Candidate, validation: tuple[str, str]) -> str:
    if not one.row.complete:
        return f"INCOMPLETE: {replicates_text(one.row.missing, one.section.seeds)} missing"
    if one.row.made_elsewhere == "undeclared":
        return "it may have seen the test images"
    return "" if validated(one, validation) is not None else "no figure on validation"


def _order(one: Candidate, validation: tuple[str, str]) -> tuple[float, int, str]:
    return -goodness_on_validation(one, validation), one.row.n_synthetic, one.name
