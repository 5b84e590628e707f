"""What a page is about: the sections of some results folders, each with its records, rows and declared comparisons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cytobench.analysis.comparison.candidates import Candidate, candidates_of
from cytobench.analysis.comparison.headline import DeclaredFamily, declared_family
from cytobench.analysis.leaderboard.model import Row, Section
from cytobench.analysis.leaderboard.ranking import comparable, rows_of
from cytobench.analysis.published import with_published
from cytobench.analysis.results import read_results
from cytobench.errors import UserError
from cytobench.plugins import Plugins, load_plugins
from cytobench.storage.records import Record


@dataclass(frozen=True, eq=False)
class Group:
    """A section of the leaderboard with all that stands behind it."""

    section: Section
    files: Mapping[Path, Record]
    """Its records by the file each was read from."""
    rows: Sequence[tuple[Row, Sequence[Record]]]
    """Its rows in the order of the table, each with one record a place."""
    candidates: Sequence[Candidate]
    """Those rows that have a finished trial."""
    family: DeclaredFamily | None
    """The declared comparisons; None where none can be made."""
    why_none: str
    """Why there are no comparisons; empty where there are."""

    @property
    def records(self) -> list[Record]:
        """Its records, in the order of their files."""
        return list(self.files.values())

    @property
    def folders(self) -> list[Path]:
        """The results folders its records are from."""
        return list(dict.fromkeys(file.parent.parent for file in self.files))

    def file_of(self, record: Record) -> Path:
        """The file a record was read from."""
        return next(file for file, other in self.files.items() if other is record)


def read_groups(
    folders: Sequence[Path], metric: Sequence[str] = (), plugins: Callable[[], Plugins] = load_plugins
) -> list[Group]:
    """The sections of results folders, in the order of the leaderboard.

    Arguments and errors are those of :func:`~cytobench.analysis.results.read_results`.
    """
    results = read_results(folders, metric, plugins)
    board = with_published(results.board, results.records)
    sections = candidates_of(results.files, board)
    pairs = zip(board.sections, comparable(results.records), strict=True)
    return [_group(section, group, results.files, sections) for section, group in pairs]


def _group(
    section: Section, records: Sequence[Record], files: Mapping[Path, Record], sections: Sequence[Sequence[Candidate]]
) -> Group:
    identities = {id(record) for record in records}
    behind = {(of_row[0].row, settings): of_row for settings, of_row in rows_of(records)}
    candidates = next((rows for rows in sections if rows[0].section == section), [])
    family, why = _family(candidates)
    return Group(
        section=section,
        files={file: record for file, record in files.items() if id(record) in identities},
        rows=[(row, behind[row.row, row.settings]) for row in section.rows],
        candidates=candidates,
        family=family,
        why_none=why,
    )


def _family(candidates: Sequence[Candidate]) -> tuple[DeclaredFamily | None, str]:
    if not candidates:
        return None, "no trial is finished"
    try:
        return declared_family(candidates), ""
    except UserError as error:
        return None, str(error)
