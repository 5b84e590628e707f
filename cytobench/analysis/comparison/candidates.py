"""The rows of results folders that can be compared, each with its records and their files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import inf
from pathlib import Path

from cytobench.analysis.comparison.declared import Named
from cytobench.analysis.leaderboard.model import Leaderboard, Replicate, Row, ScoreKey, Section
from cytobench.analysis.leaderboard.ranking import comparable, rows_of
from cytobench.analysis.leaderboard.rows import replicate_of
from cytobench.analysis.outcomes import Cause, Reason
from cytobench.analysis.results import read_results
from cytobench.config.benchmark import Analysis, make_benchmark
from cytobench.errors import UserError
from cytobench.plugins import Plugins, load_plugins
from cytobench.storage.records import NO_SETTINGS, ClassifierUsed, GeneratorUsed, Record

SECTION_PARTS = {
    "dataset": "data set",
    "dataset_digest": "data",
    "limit": "--limit",
    "protocol": "protocol",
    "protocol_version": "version of the protocol",
    "folds_made": "number of folds",
    "preset": "preset",
    "device": "device",
    "seeds": "seeds",
    "train_only": "--train-only",
    "merged": "--merge",
    "seen_list": "--trained-on",
}
"""What makes two sections, and how it is called."""

_OF_RUNS = ("preset", "device")
"""Of these what no submission has."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A row of a section, with the record and its file of each finished place."""

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


def read_candidates(
    folders: Iterable[Path], metric: Sequence[str] = (), plugins: Callable[[], Plugins] = load_plugins
) -> list[list[Candidate]]:
    """The rows of each section, ranked ones first; rows without a finished trial are left out.

    Arguments and errors are those of :func:`~cytobench.analysis.results.read_results`.
    """
    results = read_results(folders, metric, plugins)
    return candidates_of(results.files, results.board)


def candidates_of(files: Mapping[Path, Record], board: Leaderboard) -> list[list[Candidate]]:
    """The same of records by the file each was read from; ``board`` is their leaderboard."""
    by_digest = {record.digest: file for file, record in files.items()}
    records = list(files.values())
    result = []
    for section, group in zip(board.sections, comparable(records), strict=True):
        done = {
            (own[0].row, settings): {
                replicate_of(one): (one, by_digest[one.digest]) for one in own if one.status == "done"
            }
            for settings, own in rows_of(group)
        }
        rows = [(row, done[row.row, row.settings]) for row in section.rows]
        found = [Candidate(row, section, trials) for row, trials in rows if trials]
        if found:
            result.append(found)
    return result


def find_pair(sections: Sequence[Sequence[Candidate]], a: str, b: str) -> tuple[Candidate, Candidate]:
    """The two rows called ``a`` and ``b``, of one section.

    A name is ``generator/classifier/sSHOTS/nN``, with ``[SETTINGS]`` behind it where several rows have it. Raises
    UserError for an unknown or ambiguous name, the same row twice, and rows of different sections, saying what differs.
    """
    found_a, found_b = (_called(sections, option, name) for option, name in (("--a", a), ("--b", b)))
    pairs = [(one, other) for one in found_a for other in found_b if one.section is other.section]
    if not pairs:
        raise UserError(f"--a {a} and --b {b} are never paired: {_why_apart(found_a[0], found_b[0])}.")
    if len({id(one.section) for one, _ in pairs}) > 1:
        titles = "; ".join(dict.fromkeys(one.section.title for one, _ in pairs))
        raise UserError(f"--a {a} and --b {b} are in several sections ({titles}): name the folder of one run.")
    for option, name, found in (("--a", a, [one for one, _ in pairs]), ("--b", b, [one for _, one in pairs])):
        names = list(dict.fromkeys(one.name for one in found))
        if len(names) > 1:
            raise UserError(f"{option} {name}: {len(names)} rows have this name; write one of: {'; '.join(names)}.")
    one, other = pairs[0]
    if one is other:
        raise UserError(f"--a and --b are the same row, {one.name}.")
    return one, other


def declared_analysis(candidates: Sequence[Candidate]) -> tuple[Analysis, str]:
    """The analysis that the earliest record of a section declares, and what is to be said if later ones differ.

    A submission declares nothing: its records hold the declaration of the run they were first put beside. Raises
    UserError for a declaration that this version does not know.
    """
    records = [record for one in candidates if not one.row.submitted for record, _ in one.trials.values()]
    if not records:
        return _by_asked(Analysis(), "", candidates[0].section)
    records.sort(key=lambda record: (record.started, record.finished))
    declared = [
        make_benchmark({"analysis": record.benchmark.get("analysis", {})}, f"record {record.trial}").analysis
        for record in records
    ]
    late = sum(one != declared[0] for one in declared)
    words = (
        f"{late} of {len(declared)} records declare another analysis, after the fact: the earliest one counts."
        if late
        else ""
    )
    return _by_asked(declared[0], words, candidates[0].section)


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
    score = candidate.row.aggregates.get(validation)
    return None if score is None else score.mean


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
    if not set(a.trials) & set(b.trials):
        return f"no fold is finished in both ({_places(a)} of the one, {_places(b)} of the other)"
    return ""


def may_have_seen(*candidates: Candidate) -> Reason | None:
    """Why nothing can be said of rows that may have seen the test images; None if none of them has."""
    names = [one.name for one in candidates if one.row.made_elsewhere == "undeclared"]
    return Reason(Cause.MAY_HAVE_SEEN, " and ".join(names)) if names else None


def _why_apart(one: Candidate, other: Candidate) -> str:
    """Why two rows are in different sections."""
    alone = [found for found in (one, other) if found.section.alone]
    if len(alone) == 1:
        return (
            f"{alone[0].name} stands alone, since no run was named whose test images are its split's; submit it again "
            "with --results DIR of the run it is to be compared with"
        )
    submitted = one.row.submitted or other.row.submitted
    parts = [
        f"{word} ({getattr(one.section, part)}, {getattr(other.section, part)})"
        for part, word in SECTION_PARTS.items()
        if getattr(one.section, part) != getattr(other.section, part) and not (submitted and part in _OF_RUNS)
    ]
    differing = ", ".join(parts) or "number format or switches of the protocol"
    return f"they were not tested alike, but differ in {differing}"


def _places(one: Candidate) -> str:
    return ", ".join(f"seed {where.seed} fold {where.fold}" for where in sorted(one.trials))


def _called(sections: Sequence[Sequence[Candidate]], option: str, name: str) -> list[Candidate]:
    everything = [one for section in sections for one in section]
    found = [one for one in everything if name in (one.row.row, one.name)]
    if not found:
        known = list(dict.fromkeys(one.name for one in everything))
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UserError(f"{option} {name}: no finished row has this name.{hint} Rows: {', '.join(known)}.")
    return found


def _identity(used: GeneratorUsed | ClassifierUsed) -> str:
    return json.dumps(used.model_dump(mode="json", exclude={*NO_SETTINGS}), sort_keys=True)
