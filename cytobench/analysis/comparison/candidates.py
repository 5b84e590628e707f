"""The rows of results folders that can be compared, each with its records and their files."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

from cytobench._text import did_you_mean
from cytobench.analysis.comparison.declared import Named
from cytobench.analysis.leaderboard.model import Leaderboard, Replicate, Row, ScoreKey, Section
from cytobench.analysis.leaderboard.ranking import comparable, rows_of
from cytobench.analysis.leaderboard.rows import aggregate, replicate_of
from cytobench.analysis.outcomes import Cause, Reason
from cytobench.config.benchmark import Analysis, make_benchmark
from cytobench.errors import UserError, option
from cytobench.storage.records import NO_SETTINGS, ClassifierUsed, GeneratorUsed, Record

_PARTS = {
    "dataset": "data set",
    "dataset_digest": "data",
    "limit": "",
    "protocol": "protocol",
    "protocol_version": "version of the protocol",
    "folds_made": "number of folds",
    "preset": "preset",
    "device": "device",
    "seeds": "seeds",
    "train_only": "",
    "merged": "",
    "seen_list": "",
}
"""What makes two sections, and how it is called where it is no option."""
_OPTIONS = {"limit": "limit", "train_only": "train_only", "merged": "merge", "seen_list": "trained_on"}

_OF_RUNS = ("preset", "device")
"""Of these what no submission has."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A row of a section, with the record and its file of each finished replicate."""

    row: Row
    section: Section
    trials: Mapping[Replicate, tuple[Record, Path]]

    @property
    def classifier(self) -> str:
        """Equal texts are the same classifier with the same settings and weights."""
        return _identity(self.first.classifier)

    @property
    def plugin(self) -> str:
        """The classifier's plugin, of which variants have their own names and settings."""
        return self.first.classifier.plugin

    @property
    def kind(self) -> tuple[str, str, int]:
        """What rows that differ by the number of synthetic images alone have in common."""
        generator = self.first.generator
        return "" if generator is None else _identity(generator), self.classifier, self.row.shots

    @property
    def name(self) -> str:
        """The row's name, with its settings in brackets where others have the same."""
        return f"{self.row.row} [{self.row.settings}]" if self.row.settings else self.row.row

    @property
    def named(self) -> Named:
        """What the declared family is made of."""
        return Named(self.row.row, self.classifier, self.plugin, self.row.n_synthetic)

    @property
    def first(self) -> Record:
        """A record of the row, for what all of them have in common."""
        return next(iter(self.trials.values()))[0]


def candidates_of(files: Mapping[Path, Record], board: Leaderboard) -> list[list[Candidate]]:
    """The rows of each section, ranked ones first, with their records by the file each was read from.

    ``board`` is their leaderboard. Rows without a finished trial are left out.
    """
    by_digest = {record.digest: file for file, record in files.items()}
    records = list(files.values())
    sections = []
    for section, group in zip(board.sections, comparable(records), strict=True):
        trials = {
            (of_row[0].row, settings): {
                replicate_of(record): (record, by_digest[record.digest]) for record in of_row if record.status == "done"
            }
            for settings, of_row in rows_of(group)
        }
        candidates = [Candidate(row, section, trials[row.row, row.settings]) for row in section.rows]
        sections.append([candidate for candidate in candidates if candidate.trials])
    return [section for section in sections if section]


def find_pair(sections: Sequence[Sequence[Candidate]], a: str, b: str) -> tuple[Candidate, Candidate]:
    """The two rows called ``a`` and ``b``, of one section.

    A name is ``generator/classifier/sSHOTS/nN``, with ``[SETTINGS]`` behind it where several rows have it. Raises
    UserError for an unknown or ambiguous name, the same row twice, and rows of different sections, saying what differs.
    """
    called_a, called_b = _called(sections, "a", a), _called(sections, "b", b)
    pairs = [(row, other) for row in called_a for other in called_b if row.section is other.section]
    named = f"{option('a', a)} and {option('b', b)}"
    if not pairs:
        raise UserError(f"{named} are never paired: {_why_apart(called_a[0], called_b[0])}.")
    if len({id(row.section) for row, _ in pairs}) > 1:
        titles = "; ".join(dict.fromkeys(row.section.title for row, _ in pairs))
        raise UserError(f"{named} are in several sections ({titles}): name the folder of one run.")
    for parameter, name, rows in zip(("a", "b"), (a, b), zip(*pairs, strict=True), strict=True):
        names = list(dict.fromkeys(row.name for row in rows))
        if len(names) > 1:
            several = f"{len(names)} rows have this name; write one of: {'; '.join(names)}"
            raise UserError(f"{option(parameter, name)}: {several}.")
    row, other = pairs[0]
    if row is other:
        raise UserError(f"{option('a')} and {option('b')} are the same row, {row.name}.")
    return row, other


def declared_analysis(candidates: Sequence[Candidate]) -> tuple[Analysis, str]:
    """The analysis that the earliest record of a section declares, and what is to be said if later ones differ.

    A submission declares nothing: its records hold the declaration of the run they were first put beside. Raises
    UserError for a declaration that this version does not know.
    """
    records = [record for row in candidates if not row.row.submitted for record, _ in row.trials.values()]
    if not records:
        return _by_asked(Analysis(), "", candidates[0].section)
    records.sort(key=lambda record: (record.started, record.finished))
    first, *others = (
        make_benchmark({"analysis": record.benchmark.get("analysis", {})}, f"record {record.trial}").analysis
        for record in records
    )
    late = sum(analysis != first for analysis in others)
    said = f"{late} of {len(records)} records declare another analysis, after the fact: the earliest one counts."
    return _by_asked(first, said if late else "", candidates[0].section)


def _by_asked(declared: Analysis, words: str, section: Section) -> tuple[Analysis, str]:
    """The same in the metric that was asked for, and that this is not the one declared."""
    if section.asked in (None, declared.metric):
        return declared, words
    asked = f"Compared by {section.asked}, as asked for: the benchmark declares {declared.metric}."
    return declared.model_copy(update={"metric": section.asked}), f"{asked} {words}".rstrip()


def primary(section: Section, metric: str) -> tuple[ScoreKey, ScoreKey]:
    """Split and metric of the primary figure on test, and the same on validation; of the real images alone."""
    kind = "_real" if section.pooled else ""
    return (f"test{kind}", metric), (f"validation{kind}", metric)


def validated(candidate: Candidate, validation: ScoreKey) -> float | None:
    """The mean of the primary metric on validation, by which rows are chosen; None where there is none."""
    return aggregate(candidate.row.values.get(validation, {})).mean


def goodness_on_validation(candidate: Candidate, validation: ScoreKey) -> float:
    """The same, greater for the better row in any metric; less than any other where there is none."""
    mean = validated(candidate, validation)
    return -inf if mean is None else candidate.section.metric(validation[1]).goodness(mean)


def why_never_paired(a: Candidate, b: Candidate) -> str:
    """Why two rows of a section were tested on different images; empty if they were not."""
    if a.section.pooled and a.row.n_synthetic != b.row.n_synthetic:
        return (
            f"protocol {a.section.protocol} divides anew for each number of synthetic images, so that N = "
            f"{a.row.n_synthetic} and N = {b.row.n_synthetic} have other test images"
        )
    if not common_replicates(a, b):
        return f"no fold is finished in both ({_replicates(a)} of the one, {_replicates(b)} of the other)"
    return ""


def common_replicates(a: Candidate, b: Candidate) -> list[Replicate]:
    """The replicates that both rows have finished, in order."""
    return sorted(set(a.trials) & set(b.trials))


def why_not_judged(*candidates: Candidate) -> Reason | None:
    """Why nothing can be said of these rows: they may have seen the test images, their images are copies of real ones,
    or their predictions are not there. None if something can.
    """
    causes = (
        (Cause.MAY_HAVE_SEEN, lambda row: row.made_elsewhere == "undeclared"),
        (Cause.COPIES, lambda row: row.copied),
        (Cause.UNCHECKED, lambda row: bool(row.unchecked)),
    )
    for cause, holds in causes:
        names = [candidate.name for candidate in candidates if holds(candidate.row)]
        if names:
            return Reason(cause, " and ".join(names))
    return None


def differing_parts(sections: Sequence[Section], apart_from: Collection[str] = ()) -> dict[str, list[object]]:
    """In what these sections differ, by what it is called: the value of each; all but the parts left out."""
    values = {part: [getattr(section, part) for section in sections] for part in _PARTS if part not in apart_from}
    if len(set(values["dataset_digest"])) == 1:
        values.pop("dataset", None)  # whose images are the same is the same data set, whatever it is called
    return {
        option(_OPTIONS[part]) if part in _OPTIONS else _PARTS[part]: of_part
        for part, of_part in values.items()
        if any(value != of_part[0] for value in of_part)
    }


def _why_apart(row: Candidate, other: Candidate) -> str:
    """Why two rows are in different sections."""
    alone = [candidate for candidate in (row, other) if candidate.section.alone]
    if len(alone) == 1:
        return (
            f"{alone[0].name} stands alone, since no run was named whose test images are its split's; submit it again "
            f"with {option('results', 'DIR')} of the run it is to be compared with"
        )
    submitted = row.row.submitted or other.row.submitted
    differing = differing_parts([row.section, other.section], _OF_RUNS if submitted else ())
    texts = [f"{part} ({a}, {b})" for part, (a, b) in differing.items()]
    differences = ", ".join(texts) or "number format or switches of the protocol"
    return f"they were not tested alike, but differ in {differences}"


def _replicates(candidate: Candidate) -> str:
    return ", ".join(f"seed {where.seed} fold {where.fold}" for where in sorted(candidate.trials))


def _called(sections: Sequence[Sequence[Candidate]], parameter: str, name: str) -> list[Candidate]:
    candidates = [candidate for section in sections for candidate in section]
    called = [candidate for candidate in candidates if name in (candidate.row.row, candidate.name)]
    if not called:
        known = list(dict.fromkeys(candidate.name for candidate in candidates))
        hint = f"{did_you_mean(name, known)} Rows: {', '.join(known)}."
        raise UserError(f"{option(parameter, name)}: no finished row has this name.{hint}")
    return called


def _identity(used: GeneratorUsed | ClassifierUsed) -> str:
    return json.dumps(used.model_dump(mode="json", exclude={*NO_SETTINGS}), sort_keys=True)
