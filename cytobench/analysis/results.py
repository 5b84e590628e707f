"""The records of results folders with what is to be shown of them: which metrics, and by which rows are ranked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cytobench.analysis.comparison.candidates import Candidate, candidates_of
from cytobench.analysis.comparison.over_images import with_standings_over_images
from cytobench.analysis.leaderboard import Leaderboard, leaderboard
from cytobench.data.class_names import OTHER_NAMES
from cytobench.errors import UserError
from cytobench.metrics.built_in import STUDY
from cytobench.metrics.metric import Metric
from cytobench.plugins import Plugins, load_plugins
from cytobench.plugins.metrics import find_metric, of_class
from cytobench.storage.records import (
    Record,
    has_predictions,
    read_record_files,
    refuse_other_scores,
    with_metrics,
)
from cytobench.storage.records.metrics import recorded_metric


@dataclass(frozen=True)
class Results:
    """Records by the file each was read from, with the scores of the metrics that are to be shown."""

    files: Mapping[Path, Record]
    metrics: tuple[Metric, ...] = STUDY
    ranked_by: Metric | None = None
    """What rows are ranked and compared by, where that was asked for; else macro F1, and what is declared."""

    @property
    def records(self) -> list[Record]:
        """The records, by file name."""
        return list(self.files.values())

    @cached_property
    def board(self) -> Leaderboard:
        """Their leaderboard, its rows held against the best one over folds and over images."""
        unchecked = {
            record.digest
            for file, record in self.files.items()
            if record.status == "done" and not has_predictions(record, file)
        }
        board = leaderboard(self.records, self.metrics, self.ranked_by, unchecked)
        return with_standings_over_images(board, candidates_of(self.files, board))


def read_results(
    folders: Iterable[Path], metric: Sequence[str] = (), plugins: Callable[[], Plugins] = load_plugins
) -> Results:
    """The records of results folders, to be shown with the study's metrics, those declared, and those asked for.

    ``metric`` are names; by the first of them rows are ranked and compared. ``plugins`` loads plugins, where a metric
    is not built in. Scores that records lack are computed from the predictions beside them, and those that they have
    are held against these. Raises UserError for an unknown metric, for one of a class that no data set here has, and as
    :func:`~cytobench.storage.records.read_record_files` and ``refuse_other_scores`` do.
    """
    files = read_record_files(folders)
    records = list(files.values())
    labels = tuple(dict.fromkeys(label for record in records for label in record.evaluated))
    asked = [of_class(_find(name, records, plugins), labels, OTHER_NAMES) for name in dict.fromkeys(metric)]
    declared = []
    for name in dict.fromkeys(record.benchmark.get("analysis", {}).get("metric", "f1_macro") for record in records):
        with suppress(UserError):  # of a plugin that is gone: tables do without
            declared.append(of_class(_find(name, records, plugins), labels, OTHER_NAMES))
    metrics = tuple({shown.name: shown for shown in (*STUDY, *declared, *asked)}.values())
    refuse_other_scores(files, metrics)
    return Results(with_metrics(files, metrics), metrics, asked[0] if asked else None)


def read_candidates(
    folders: Iterable[Path], metric: Sequence[str] = (), plugins: Callable[[], Plugins] = load_plugins
) -> list[list[Candidate]]:
    """The rows of each section that can be compared, ranked ones first.

    Arguments and errors are those of :func:`read_results`.
    """
    results = read_results(folders, metric, plugins)
    return candidates_of(results.files, results.board)


def _find(name: str, records: Iterable[Record], plugins: Callable[[], Plugins]) -> Metric:
    """A metric that is on offer here, or else that a record knows."""
    try:
        return find_metric(name, plugins)
    except UserError:
        used = next((record.metrics[name] for record in records if name in record.metrics), None)
        if used is None:
            raise
        return recorded_metric(name, used)
