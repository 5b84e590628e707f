"""The tables of a leaderboard: a row with all its splits side by side, the same a line a split, the study's rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from cytobench.analysis.leaderboard.model import Aggregate, PublishedComparison, Row, ScoreKey, Section
from cytobench.analysis.leaderboard.words import (
    SUBMITTED_TEXT,
    copies_text,
    elsewhere_text,
    environments_text,
    gaps_text,
    replicates_text,
    third_party_text,
    unchecked_text,
)
from cytobench.metrics.metric import Metric
from cytobench.reporting.outcomes import STANDING_MARKS, STANDINGS
from cytobench.reporting.tables import Cell, Column, Kind, Table, TableRow
from cytobench.reporting.words import (
    SPLIT_NAMES,
    UNLIKE,
    aggregate_text,
    classifier_text,
    duration,
    first_line,
    generator_text,
)

NAMES = (Column("#"), Column("generator"), Column("classifier"), Column("shots", Kind.COUNT), Column("N", Kind.COUNT))
TIME = Column("time", Kind.SCORE)
MAJORITY = "always the majority class"
MAJORITY_SHORT = "majority class"
PUBLISHED_SPLITS = ("test", "validation")
PUBLISHED_DIGITS = 2
INTRODUCTION = (
    "Published figures of the CytoDiff study (arXiv 2507.05063) beside ours, never ranked together. Comparable says "
    "that protocol, data, folds, seed and settings are the study's; its shots, and twelve of its prompts, nobody has."
)


def wide_table(section: Section) -> Table:
    """A line a row, a column a split and metric; last the majority class where it is known."""
    scores = [Column(metric.title, Kind.SCORE, SPLIT_NAMES[split]) for split, metric in score_columns(section)]
    rows = [
        TableRow(
            (
                *name_cells(row),
                *score_cells(section, row),
                time_cell(row),
                Cell(". ".join([ran_text(row), *remarks(row, section.seeds)])),
            ),
            kind="" if row.rank is not None else "unranked",
        )
        for row in section.rows
    ]
    if section.majority:
        cells = (*majority_cells(MAJORITY), *score_cells(section), Cell(""), Cell("reference, from the class counts"))
        rows.append(TableRow(cells, "reference"))
    columns = (*NAMES, *scores, TIME, Column("what ran, remarks"))
    return Table(section.title, columns, tuple(rows), section.notes, len(NAMES))


def split_table(section: Section, majority: str, splits: Mapping[str, str]) -> Table:
    """The same with the splits of a row under each other, by these names: side by side they are wider than a page.

    What ran and the remarks are those of each row's last line.
    """
    lines = []
    for row in [*section.rows, *([None] if section.majority else [])]:
        names = majority_cells(majority) if row is None else name_cells(row)
        time = Cell("") if row is None else time_cell(row)
        scores = score_cells(section, row)
        for number, split in enumerate(splits_of(section)):
            shown = scores[number * len(section.metrics) : (number + 1) * len(section.metrics)]
            first = number == 0
            cells = (*(names if first else [Cell("")] * len(names)), Cell(splits[split]), *shown)
            lines.append(TableRow((*cells, time if first else Cell("")), "reference" if row is None else ""))
        if row is not None:
            said = (ran_text(row), *remarks(row, section.seeds))
            lines[-1] = replace(lines[-1], remarks=said, name=row.row)
    scores_of = [Column(metric.title, Kind.SCORE) for metric in section.metrics]
    columns = (*NAMES, Column("split"), *scores_of, TIME)
    return Table(section.title, columns, tuple(lines), section.notes, len(NAMES))


def published_table(published: Sequence[PublishedComparison], metrics: Sequence[Metric], ours: str = "our") -> Table:
    """Two lines a published row: test, then validation. Figures have the two decimals of the publication."""
    metrics = published_metrics(published, metrics)
    groups = [Column(metric.title, Kind.SCORE, group) for group in ("published", ours) for metric in metrics]
    names = (Column("table"), Column("classifier"), Column("N", Kind.COUNT), Column("split"))
    rows = [_published_row(comparison, split, metrics) for comparison in published for split in PUBLISHED_SPLITS]
    return Table(INTRODUCTION, (*names, *groups, Column("our row"), Column("verdict")), tuple(rows), labels=3)


def published_metrics(published: Sequence[PublishedComparison], metrics: Sequence[Metric]) -> list[Metric]:
    """Of these metrics those that the study has."""
    known = {name for comparison in published for _, name in comparison.aggregates}
    return [metric for metric in metrics if metric.name in known]


def by_verdict(section: Section) -> list[tuple[str, list[PublishedComparison]]]:
    """Published rows with equal verdicts together, those with a row of ours first."""
    ordered = sorted(section.published, key=lambda comparison: (comparison.ours is None, comparison.verdict))
    return [(verdict, list(group)) for verdict, group in groupby(ordered, key=lambda comparison: comparison.verdict)]


def score_columns(section: Section) -> list[tuple[str, Metric]]:
    """Splits and metrics in the order of columns."""
    return [(split, metric) for split in splits_of(section) for metric in section.metrics]


def splits_of(section: Section) -> list[str]:
    """The splits of a section, test ones first."""
    return sorted(section.splits, key=lambda split: (not split.startswith("test"), split))


def name_cells(row: Row) -> list[Cell]:
    """Rank, generator, classifier, shots and N."""
    mark = "" if row.standing is None else STANDING_MARKS.get(row.standing, "")
    mark += UNLIKE if row.environments and row.rank is not None else ""
    return [
        Cell("-" if row.rank is None else f"{row.rank}{mark}", str(row.rank or 9998)),
        Cell(generator_text(row)),
        Cell(classifier_text(row)),
        Cell("-" if row.submitted or row.tuned_elsewhere else str(row.shots), str(row.shots)),
        Cell("-" if row.submitted else str(row.n_synthetic), str(row.n_synthetic)),
    ]


def majority_cells(name: str) -> list[Cell]:
    """The same of the line of the majority class, which is sorted to the end."""
    return [Cell("", "9999"), Cell("none"), Cell(name), Cell("", "-1"), Cell("", "-1")]


def score_cells(section: Section, row: Row | None = None) -> list[Cell]:
    """The scores of a row, or of the majority class, in the order of :func:`score_columns`."""
    return [score_cell(section, row, (split, metric.name)) for split, metric in score_columns(section)]


def score_cell(section: Section, row: Row | None, key: ScoreKey) -> Cell:
    """A score of a row, or of the majority class."""
    score = (section.majority if row is None else row.aggregates).get(key)
    mean = "-1" if score is None or score.mean is None else str(score.mean)
    return Cell(aggregate_text(score, section.metric(key[1]).digits), mean, row is not None and key in row.best)


def time_cell(row: Row) -> Cell:
    """The whole cost, and in brackets what was paid if it differs; ``-`` where it is not known."""
    if row.seconds is None or row.seconds_paid is None:
        return Cell("-", "-1")
    whole, paid = duration(row.seconds), duration(row.seconds_paid)
    return Cell(whole if whole == paid else f"{whole} ({paid})", str(row.seconds))


def ran_text(row: Row) -> str:
    """Preset and what really ran."""
    if row.submitted:
        return SUBMITTED_TEXT
    generator = f"; generator: {row.generator_ran}" if row.generator_ran else ""
    return f"preset {row.preset}{generator}; classifier: {row.classifier_ran}"


def remarks(row: Row, seeds: Collection[int], standing: bool = True) -> list[str]:
    """What a reader must know about a row besides its scores; ``seeds`` are those of its section.

    Without ``standing`` nothing of how it stands against the best row.
    """
    texts = []
    if row.settings:
        texts.append(f"settings: {row.settings}")
    if row.third_party:
        texts.append(third_party_text(row))
    if row.environments:
        texts.append(environments_text(row, seeds))
    if standing and row.standing in STANDINGS:
        texts.append(STANDINGS[row.standing])
    if row.shortfall:
        texts.append(f"shots: {row.shortfall}")
    if not row.complete:
        texts.append(f"INCOMPLETE, not ranked: {replicates_text(row.missing, seeds)} missing")
    if row.unchecked:
        texts.append(unchecked_text(row, seeds))
    if row.gaps:
        texts.append(gaps_text(row, seeds))
    if row.made_elsewhere != "no":
        texts.append(elsewhere_text(row))
    if copies := copies_text(row):
        texts.append(copies)
    for name, failure in row.metrics_failed.items():
        often = "" if failure.times == failure.of else f" in {failure.times} of {failure.of} splits and trials"
        texts.append(f"metric {name} failed{often}: {failure.reason}")
    failed = row.failed.items()
    return texts + [f"FAILED in {replicates_text([where], seeds)}: {first_line(error)}" for where, error in failed]


def _published_row(comparison: PublishedComparison, split: str, metrics: Sequence[Metric]) -> TableRow:
    ours: Mapping[ScoreKey, Aggregate] = comparison.ours.aggregates if comparison.ours else {}
    count = "-" if comparison.n_synthetic is None else str(comparison.n_synthetic)
    scores = [
        aggregate_text(source.get((split, metric.name)), PUBLISHED_DIGITS, seeds=False)
        for source in (comparison.aggregates, ours)
        for metric in metrics
    ]
    row = comparison.ours.row if comparison.ours else "-"
    texts = [comparison.table, comparison.classifier, count, split, *scores, row, comparison.verdict]
    return TableRow(tuple(map(Cell, texts)), name=comparison.name)
