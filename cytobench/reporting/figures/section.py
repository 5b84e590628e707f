"""What is drawn of a section: its rows with a finished trial, what they gain over N = 0, what is said under all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cytobench.analysis.comparison.candidates import Candidate, declared_analysis, primary
from cytobench.analysis.comparison.cost import GainAndCost, gain_and_cost
from cytobench.analysis.comparison.headline import DeclaredPair, chosen_on_validation, declared_pairs, row_difference
from cytobench.analysis.leaderboard.model import ScoreKey, Section
from cytobench.analysis.leaderboard.words import (
    copies_text,
    elsewhere_text,
    environments_text,
    replicates_text,
    third_party_text,
    unchecked_text,
)
from cytobench.analysis.outcomes import conclude
from cytobench.config.benchmark import Analysis
from cytobench.reporting.words import generator_text


@dataclass(frozen=True)
class PlottedSection:
    """A section and its rows with a finished trial."""

    rows: tuple[Candidate, ...]
    suffix: str = ""
    """What the names of its figures end with, where there are several sections."""

    @property
    def section(self) -> Section:
        """What all rows have in common."""
        return self.rows[0].section

    @property
    def folders(self) -> list[Path]:
        """The results folders that its records lie in."""
        return sorted({file.parent.parent for candidate in self.rows for _, file in candidate.trials.values()})

    @cached_property
    def analysis(self) -> Analysis:
        """What the run declares."""
        return declared_analysis(self.rows)[0]

    @property
    def cells(self) -> tuple[ScoreKey, ScoreKey]:
        """Split and metric of the primary figure on test and on validation."""
        return primary(self.section, self.analysis.metric)

    @cached_property
    def pairs(self) -> list[DeclaredPair]:
        """The declared family."""
        return declared_pairs(self.rows, self.analysis)

    @cached_property
    def chosen(self) -> list[Candidate]:
        """Of each generator, classifier and number of shots the N that validation chose, in the order of rows."""
        chosen = chosen_on_validation(self.rows, self.cells[1])
        return [row for number, row in enumerate(self.rows) if number in chosen]

    @cached_property
    def classifiers(self) -> list[tuple[Candidate, ...]]:
        """The rows of each classifier, by its name, each by generator, shots and N."""
        groups: dict[str, list[Candidate]] = {}
        for candidate in sorted(self.rows, key=lambda candidate: (candidate.row.classifier, candidate.row.settings)):
            groups.setdefault(candidate.classifier, []).append(candidate)
        return [tuple(sorted(group, key=_order)) for group in groups.values()]

    def plain(self, candidate: Candidate) -> Candidate | None:
        """The row of the same classifier without synthetic images."""
        return next(
            (row for row in self.rows if not row.row.n_synthetic and row.classifier == candidate.classifier), None
        )

    def gain(self, candidate: Candidate, key: ScoreKey) -> GainAndCost | None:
        """What a row gains over N = 0, with its cost and what may be said; None where the two are never paired.

        For the primary figure the p of the declared family counts, as in ``cytobench compare``.
        """
        plain = self.plain(candidate)
        if plain is None or plain is candidate:
            return None
        difference, obstacle = row_difference(candidate, plain, key)
        if difference is None:
            return None
        pair = next((pair for pair in self.pairs if pair.row is candidate and pair.reference is plain), None)
        p = pair.p_holm if pair is not None and key == self.cells[0] else None
        metric = self.section.metric(key[1])
        conclusion = conclude(difference, metric, obstacle, p)
        return gain_and_cost(candidate, plain, difference, metric, conclusion)

    def about(self, rows: Sequence[Candidate] = ()) -> str:
        """Data, protocol, preset, device, images, folds and seeds, then what is to be known of these rows."""
        remarks = [remark for candidate in rows for remark in self._remarks(candidate)]
        return " ".join([f"{self.section.title}.", *self.section.notes, *dict.fromkeys(remarks)])

    def _remarks(self, candidate: Candidate) -> list[str]:
        row = candidate.row
        remarks = []
        if not row.complete:
            remarks.append(f"{row.row} is incomplete: {replicates_text(row.missing, self.section.seeds)} missing.")
        if row.unchecked:
            remarks.append(f"{row.row}: {unchecked_text(row, self.section.seeds)}.")
        if row.made_elsewhere != "no":
            remarks.append(f"{row.row} is {elsewhere_text(row)}.")
        if copies := copies_text(row):
            remarks.append(f"{row.row}: {copies}.")
        if row.environments:
            remarks.append(f"{row.row}: {environments_text(row, self.section.seeds)}.")
        if row.third_party:
            remarks.append(f"{row.row} is {third_party_text(row)}.")
        return remarks


def series_name(candidate: Candidate) -> str:
    """What rows that differ by N alone have in common: ``sd21-lora, 16 shots``, or ``sd21-lora, tuned elsewhere``."""
    shots = f", {candidate.row.shots} shots" if candidate.row.shots else ""
    if candidate.row.tuned_elsewhere:
        shots = ", tuned elsewhere"
    return f"{generator_text(candidate.row)}{shots}"


def row_name(candidate: Candidate) -> str:
    """``real images alone``, or ``sd21-lora, 16 shots, N = 20``."""
    if not candidate.row.n_synthetic:
        return "submitted" if candidate.row.submitted else "real images alone, N = 0"
    return f"{series_name(candidate)}, N = {candidate.row.n_synthetic:,}"


def _order(candidate: Candidate) -> tuple[object, ...]:
    row = candidate.row
    return row.n_synthetic > 0, row.generator, row.shots, row.settings, row.n_synthetic
