"""The tables of a page as plain texts, ready to be written down: leaderboard, comparisons, classes, time, fidelity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from cytobench.analysis.comparison.headline import DeclaredFamily, DeclaredPair
from cytobench.analysis.leaderboard.fidelity import found_in
from cytobench.analysis.leaderboard.model import Aggregate, Row, ScoreKey, Section
from cytobench.analysis.leaderboard.ranking import ranked_by
from cytobench.analysis.leaderboard.rows import replicate_of, stage_seconds
from cytobench.config.benchmark import Analysis
from cytobench.reporting.leaderboard import fidelity
from cytobench.reporting.leaderboard.tables import rank_text, remarks
from cytobench.reporting.outcomes import (
    STANDINGS_SHORT,
    difference_texts,
    extra_time_text,
    p_text,
    pair_text,
    priced_text,
)
from cytobench.reporting.page.gather import Group
from cytobench.reporting.words import (
    MAJORITY,
    METRIC_NAMES,
    SPLIT_NAMES,
    aggregate_text,
    classifier_text,
    count_text,
    duration,
    generator_text,
    ran_text,
    time_text,
)
from cytobench.storage.records import FidelityFigure, FidelityUsed


@dataclass(frozen=True)
class Entry:
    """A cell: its text, what it is sorted by (a number as text; empty for the text itself), whether it is the best."""

    text: str
    key: str = ""
    best: bool = False


@dataclass(frozen=True)
class Column:
    """A column's heading, and whether it holds numbers."""

    name: str
    number: bool = False


@dataclass(frozen=True)
class Line:
    """A row: its cells, a few words on its standing, remarks that belong under it, and its kind for the eye."""

    cells: tuple[Entry, ...]
    kind: str = ""
    remarks: tuple[str, ...] = ()
    bar: float | None = None
    """The figure it is ranked by, 0 to 1."""


@dataclass(frozen=True)
class Table:
    """A table with its caption."""

    caption: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    note: str = ""


def standings(row: Row) -> str:
    """The standing of a row in words."""
    if row.failed and len(row.failed) == len(row.missing):
        return "failed" if not _any_figure(row) else "incomplete, some trials failed"
    if not row.complete:
        return "incomplete, not ranked"
    if row.rank is None:
        return "not ranked"
    return "the only ranked row" if row.standing is None else STANDINGS_SHORT[row.standing]


def _any_figure(row: Row) -> bool:
    return any(figure.mean is not None for figure in row.aggregates.values())


def leaderboard_table(section: Section) -> Table:
    """The leaderboard of a section: the ranked metric first, then the others on test, then validation."""
    cells = shown_cells(section)
    names = [Column("generator"), Column("classifier"), Column("shots", True), Column("N", True)]
    first, *figures = (Column(f"{METRIC_NAMES[metric]}, {SPLIT_NAMES[split]}", True) for split, metric in cells)
    columns = (Column("#", True), first, *names, *figures, Column("time", True), Column("standing"))
    lines = [_line(section, row, cells) for row in section.rows]
    if section.majority:
        first_figure, *reference = (_figure(section.majority.get(cell)) for cell in cells)
        names_of = (Entry("none"), Entry(MAJORITY), Entry("", "-1"), Entry("", "-1"))
        said = (Entry("", "-1"), Entry("reference, not ranked"))
        lines.append(Line((Entry("", "9999"), first_figure, *names_of, *reference, *said), "reference"))
    return Table(section.title, columns, tuple(lines), " ".join(section.notes))


def shown_cells(section: Section) -> list[ScoreKey]:
    """The figures that are shown of a section."""
    split, metric = ranked_by(section.pooled)
    others = [other for other in METRIC_NAMES if other != metric]
    validation = split.replace("test", "validation")
    found = [(split, metric), *((split, other) for other in others), (validation, metric)]
    if "external" in section.splits:
        found.append(("external", metric))
    return found


def _line(section: Section, row: Row, cells: Sequence[ScoreKey]) -> Line:
    best = ranked_by(section.pooled)
    figure = row.aggregates.get(best)
    said = (ran_text(row), *remarks(row, section.seeds, standing=False))
    ranked, *figures = (_figure(row.aggregates.get(cell), cell in row.best) for cell in cells)
    kind = "failed" if not _any_figure(row) else "" if row.rank is not None else "unranked"
    return Line(
        cells=(
            Entry(rank_text(row), str(row.rank or 9998)),
            ranked,
            Entry(generator_text(row)),
            Entry(classifier_text(row)),
            Entry(count_text(row, row.shots), str(row.shots)),
            Entry(count_text(row, row.n_synthetic), str(row.n_synthetic)),
            *figures,
            Entry(_time(row), str(-1 if row.seconds is None else row.seconds)),
            Entry(standings(row)),
        ),
        kind="first" if row.rank == 1 else kind,
        remarks=said,
        bar=None if figure is None else figure.mean,
    )


def _figure(figure: Aggregate | None, best: bool = False) -> Entry:
    mean = None if figure is None else figure.mean
    return Entry(aggregate_text(figure), str(-1 if mean is None else mean), best)


def _time(row: Row) -> str:
    """The time of a row, whose lines may break before the bracket alone."""
    return time_text(row).replace(" ", "\N{NO-BREAK SPACE}").replace("\N{NO-BREAK SPACE}(", " (")


def family_table(family: DeclaredFamily) -> Table:
    """Every comparison of the family, declared or each row with N = 0; what validation chose first."""
    title = "Compared with N = 0" if family.analysis == Analysis() else "Declared comparisons"
    prices = {id(one.pair): one.cost for one in family.headline}
    pairs = sorted(family.pairs, key=lambda pair: (id(pair) not in prices, not pair.chosen))
    lines = []
    for pair in pairs:
        cost = prices.get(id(pair))
        price = ("-", "") if cost is None else (extra_time_text(cost), priced_text(cost))
        lines.append(
            Line(
                (
                    *_pair(pair),
                    Entry(price[0], str(cost.hours if cost and cost.hours is not None else -1)),
                    Entry(price[1] or "-"),
                ),
                "first" if cost else "",
            )
        )
    device = family.section[0].section.device
    columns = (
        *(Column("row"), Column("compared with"), Column("difference", True), Column("95 % interval", True)),
        *(
            Column("p", True),
            Column("p (Holm)", True),
            Column("verdict"),
            Column(f"extra time of {device}", True),
            Column("gain and cost"),
        ),
    )
    return Table(f"{title}: {family.section[0].section.title}", columns, tuple(lines))


def _pair(pair: DeclaredPair) -> list[Entry]:
    texts = ["-"] * 3 if pair.difference is None else difference_texts(pair.difference)
    mean = "-9" if pair.difference is None else str(pair.difference.mean)
    p = "9" if pair.difference is None or pair.difference.p is None else str(pair.difference.p)
    return [
        *(Entry(pair.row.name), Entry(pair.reference.name), Entry(texts[0], mean), Entry(texts[1], mean)),
        *(
            Entry(texts[2], p),
            Entry(p_text(pair.p_holm), "9" if pair.p_holm is None else str(pair.p_holm)),
            Entry(pair_text(pair)),
        ),
    ]


STAGES = ("fit", "sample", "train", "predict")


def time_table(group: Group) -> Table:
    """Time of each row by stage, each stage counted once; device-hours, rate of sampling and peak memory."""
    columns = (
        *(Column("row"), Column("trials", True), *(Column(stage, True) for stage in STAGES)),
        *(Column("device-hours", True), Column("images a second", True), Column("peak memory", True)),
    )
    lines = []
    for row, records in group.rows:
        if row.submitted:
            continue
        by_stage = stage_seconds(records)
        rate, peak = row.images_per_second, row.peak_memory_mib
        hours = (row.seconds or 0.0) / 3600
        lines.append(
            Line(
                (
                    Entry(row.row + (f" [{row.settings}]" if row.settings else "")),
                    Entry(str(len(records)), str(len(records))),
                    *(
                        Entry(duration(by_stage[stage]) if by_stage.get(stage) else "-", str(by_stage.get(stage, 0.0)))
                        for stage in STAGES
                    ),
                    Entry(f"{hours:.3f}" if hours < 10 else f"{hours:.1f}", str(hours)),
                    Entry("-" if rate is None else f"{rate:,.1f}", str(-1 if rate is None else rate)),
                    Entry("-" if peak is None else f"{peak:,.0f} MiB", str(-1 if peak is None else peak)),
                )
            )
        )
    return Table(f"Time and cost: {group.section.title}", columns, tuple(lines))


def fidelity_tables(group: Group) -> list[Table]:
    """All classes together, a table for each extractor and numbers of images; then class by class."""
    found = []
    for table in group.section.fidelity:
        numbers = {"generator": False, "copies of the shots": False}
        columns = tuple(Column(name, numbers.get(name, True)) for name in fidelity.HEADER)
        lines = tuple(Line(tuple(map(Entry, line))) for line in fidelity.lines(table))
        found.append(Table(fidelity.title(table), columns, lines))
    return found + class_fidelity(group)


FIGURES = ("kid", "fid", "precision", "recall")


def class_fidelity(group: Group) -> list[Table]:
    """For each generator, shots and N: every class with its numbers of images, the mean of each figure over folds."""
    measured: dict[tuple[str, str], dict[str, FidelityUsed]] = {}
    for row, records in group.rows:
        settings = f" [{row.settings}]" if row.settings else ""
        for record in records:
            for one in record.fidelity:
                name = (record.generator.name if record.generator else "none") + settings
                title = f"{name}, {record.shots} shots, N = {record.n_synthetic}, by {one.extractor.name}"
                measured.setdefault((title, one.extractor.name), {})[f"{replicate_of(record)}"] = one
    columns = (
        *(Column("class"), Column("real images", True), Column("synthetic images", True)),
        *(Column(name, True) for name in ("KID", "FID", "precision", "recall")),
        Column("copies of the shots"),
    )
    return [
        Table(f"Fidelity class by class: {title}", columns, _class_lines(list(folds.values())))
        for (title, _), folds in measured.items()
    ]


def _class_lines(folds: Sequence[FidelityUsed]) -> tuple[Line, ...]:
    lines = []
    for label in folds[0].classes:
        ones = [fold.classes[label] for fold in folds if label in fold.classes]
        figures = [_mean([getattr(one, name) for one in ones]) for name in FIGURES]
        lines.append(
            Line(
                (
                    Entry(label),
                    Entry(_range([one.n_real for one in ones]), str(min(one.n_real for one in ones))),
                    Entry(_range([one.n_synthetic for one in ones]), str(min(one.n_synthetic for one in ones))),
                    *figures,
                    Entry(_copies([one.copying for one in ones])),
                )
            )
        )
    return tuple(lines)


def _mean(figures: Sequence[FidelityFigure | None]) -> Entry:
    values = [figure.value for figure in figures if figure is not None]
    if len(values) < len(figures):
        return Entry("too few images", "-9")
    mean = fsum(values) / len(values)
    return Entry(f"{mean:.3f}" if abs(mean) < 10 else f"{mean:.1f}", str(mean))


def _copies(found: Sequence[Mapping[str, object] | None]) -> str:
    tested = [found_in(one) for one in found if one is not None]
    known = [one for one in tested if one is not None]
    if not known:
        return "not testable" if tested else "not tested"
    return f"found in {sum(known)} of {len(known)} folds" if any(known) else "not found at this power"


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
