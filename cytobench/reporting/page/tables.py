"""The tables of a page: leaderboard, comparisons, time, fidelity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum

from cytobench.analysis.comparison.headline import DeclaredFamily, DeclaredPair
from cytobench.analysis.leaderboard.fidelity import FIGURES, found_in
from cytobench.analysis.leaderboard.model import Row, ScoreKey, Section
from cytobench.analysis.leaderboard.rows import replicate_of, stage_seconds
from cytobench.config.benchmark import Analysis
from cytobench.reporting.leaderboard.fidelity import fidelity_table
from cytobench.reporting.leaderboard.tables import (
    MAJORITY,
    NAMES,
    TIME,
    majority_cells,
    name_cells,
    ran_text,
    remarks,
    score_cell,
    time_cell,
)
from cytobench.reporting.outcomes import STANDINGS_SHORT, extra_time_text, pair_texts, priced_text
from cytobench.reporting.page.gather import Group
from cytobench.reporting.tables import Cell, Column, Kind, Table, TableRow
from cytobench.reporting.words import SPLIT_NAMES, duration
from cytobench.storage.records import FidelityFigure, FidelityUsed
from cytobench.storage.stage_kind import StageKind

STAGES = (StageKind.FIT, StageKind.SAMPLE, StageKind.TRAIN, StageKind.PREDICT)


def columns(*names: str, numbers: Sequence[str] = ()) -> tuple[Column, ...]:
    """Columns of these names, of which some hold ``numbers``."""
    return tuple(Column(name, Kind.SCORE if name in numbers else Kind.TEXT) for name in names)


def standings(row: Row) -> str:
    """The standing of a row in words."""
    if row.failed and len(row.failed) == len(row.missing):
        return "failed" if not _any_score(row) else "incomplete, some trials failed"
    if not row.complete:
        return "incomplete, not ranked"
    if row.unchecked:
        return "predictions are not there, not ranked"
    if row.copied:
        return "copies of real images, not ranked"
    if row.gaps:
        return "a score is missing, not ranked"
    if row.rank is None:
        return "not ranked"
    return "the only ranked row" if row.standing is None else STANDINGS_SHORT[row.standing]


def leaderboard_table(section: Section) -> Table:
    """The leaderboard of a section: the ranked metric first, then the others on test, then validation."""
    keys = shown_scores(section)
    first, *scores = (
        Column(f"{section.metric(metric).title}, {SPLIT_NAMES[split]}", Kind.SCORE) for split, metric in keys
    )
    rows = [_leaderboard_row(section, row, keys) for row in section.rows]
    if section.majority:
        ranked, *reference = (score_cell(section, None, key) for key in keys)
        rank, *names = majority_cells(MAJORITY)
        rows.append(
            TableRow((rank, ranked, *names, *reference, Cell("", "-1"), Cell("reference, not ranked")), "reference")
        )
    named = (Column("#", Kind.COUNT), first, *NAMES[1:], *scores, TIME, Column("standing"))
    return Table(section.title, named, tuple(rows))


def shown_scores(section: Section) -> list[ScoreKey]:
    """The scores that are shown of a section."""
    split, ranked = section.ranked_by
    others = [(split, metric.name) for metric in section.metrics if metric.name != ranked]
    keys = [(split, ranked), *others, (split.replace("test", "validation"), ranked)]
    return [*keys, ("external", ranked)] if "external" in section.splits else keys


def family_table(family: DeclaredFamily) -> Table:
    """Every comparison of the family, declared or each row with N = 0; what validation chose first."""
    title = "Compared with N = 0" if family.analysis == Analysis() else "Declared comparisons"
    costs = {id(headline.pair): headline.cost for headline in family.headline}
    rows = []
    for pair in sorted(family.pairs, key=lambda pair: (id(pair) not in costs, not pair.chosen)):
        cost = costs.get(id(pair))
        time, outcome = ("-", "-") if cost is None else (extra_time_text(cost), priced_text(cost))
        hours = "-1" if cost is None or cost.hours is None else str(cost.hours)
        rows.append(TableRow((*_pair_cells(pair), Cell(time, hours), Cell(outcome)), "first" if cost else ""))
    section = family.section[0].section
    numbers = ("difference", "95 % interval", "p", "p (Holm)", extra := f"extra time of {section.device}")
    names = columns("row", "compared with", *numbers[:4], "verdict", extra, "gain and cost", numbers=numbers)
    return Table(f"{title}: {section.title}", names, tuple(rows))


def time_table(group: Group) -> Table:
    """Time of each row by stage, each stage counted once; device-hours, rate of sampling and peak memory."""
    numbers = ("trials", *STAGES, "device-hours", "images a second", "peak memory")
    rows = []
    for row, records in group.rows:
        if row.submitted:
            continue
        by_stage = stage_seconds(records)
        rate, peak = row.images_per_second, row.peak_memory_mib
        hours = (row.seconds or 0.0) / 3600
        cells = (
            Cell(row.row + (f" [{row.settings}]" if row.settings else "")),
            Cell(str(len(records)), str(len(records))),
            *(
                Cell(duration(by_stage[stage]) if by_stage.get(stage) else "-", str(by_stage.get(stage, 0.0)))
                for stage in STAGES
            ),
            Cell(f"{hours:.3f}" if hours < 10 else f"{hours:.1f}", str(hours)),
            Cell("-" if rate is None else f"{rate:,.1f}", str(-1 if rate is None else rate)),
            Cell("-" if peak is None else f"{peak:,.0f} MiB", str(-1 if peak is None else peak)),
        )
        rows.append(TableRow(cells))
    return Table(f"Time and cost: {group.section.title}", columns("row", *numbers, numbers=numbers), tuple(rows))


def fidelity_tables(group: Group) -> list[Table]:
    """All classes together, a table for each extractor and numbers of images; then class by class."""
    return [*map(fidelity_table, group.section.fidelity), *class_fidelity(group)]


def class_fidelity(group: Group) -> list[Table]:
    """For each generator, shots and N: every class with its numbers of images, the mean of each figure over folds."""
    measured: dict[tuple[str, str], dict[str, FidelityUsed]] = {}
    for row, records in group.rows:
        settings = f" [{row.settings}]" if row.settings else ""
        for record in records:
            for used in record.fidelity:
                name = (record.generator.name if record.generator else "none") + settings
                elsewhere = record.made_elsewhere != "no" and record.shots
                tuned = "tuned elsewhere" if elsewhere else f"{record.shots} shots"
                title = f"{name}, {tuned}, N = {record.n_synthetic}, by {used.extractor.name}"
                measured.setdefault((title, used.extractor.name), {})[f"{replicate_of(record)}"] = used
    numbers = ("real images", "synthetic images", "KID", "FID", "precision", "recall")
    names = columns("class", *numbers, "copies of the shots", numbers=numbers)
    return [
        Table(f"Fidelity class by class: {title}", names, _class_rows(list(folds.values())))
        for (title, _), folds in measured.items()
    ]


def _any_score(row: Row) -> bool:
    return any(score.mean is not None for score in row.aggregates.values())


def _leaderboard_row(section: Section, row: Row, keys: Sequence[ScoreKey]) -> TableRow:
    rank, *names = name_cells(row)
    ranked, *scores = (score_cell(section, row, key) for key in keys)
    time = time_cell(row)
    # Lines may break before the bracket alone.
    time = Cell(time.text.replace(" ", "\N{NO-BREAK SPACE}").replace("\N{NO-BREAK SPACE}(", " ("), time.key)
    kind = "failed" if not _any_score(row) else "" if row.rank is not None else "unranked"
    metric = section.metric(keys[0][1])
    drawable = metric.higher_is_better and metric.spec.range == (0, 1)
    return TableRow(
        cells=(rank, ranked, *names, *scores, time, Cell(standings(row))),
        kind="first" if row.rank == 1 else kind,
        remarks=(ran_text(row), *remarks(row, section.seeds, standing=False)),
        name=row.row,
        bar=row.aggregates[keys[0]].mean if drawable else None,
    )


def _pair_cells(pair: DeclaredPair) -> list[Cell]:
    mean = "-9" if pair.difference is None else str(pair.difference.mean)
    p = "9" if pair.difference is None or pair.difference.p is None else str(pair.difference.p)
    keys = ("", "", mean, mean, p, "9" if pair.p_holm is None else str(pair.p_holm), "")
    return [Cell(text, key) for text, key in zip(pair_texts(pair), keys, strict=True)]


def _class_rows(folds: Sequence[FidelityUsed]) -> tuple[TableRow, ...]:
    rows = []
    for label in folds[0].classes:
        measured = [fold.classes[label] for fold in folds if label in fold.classes]
        counts = [[getattr(figures, side) for figures in measured] for side in ("n_real", "n_synthetic")]
        cells = (
            Cell(label),
            *(Cell(_range(of_side), str(min(of_side))) for of_side in counts),
            *(_mean([getattr(figures, name) for figures in measured]) for name in FIGURES),
            Cell(_copies([figures.copying for figures in measured])),
        )
        rows.append(TableRow(cells))
    return tuple(rows)


def _mean(figures: Sequence[FidelityFigure | None]) -> Cell:
    values = [figure.value for figure in figures if figure is not None]
    if len(values) < len(figures):
        return Cell("too few images", "-9")
    mean = fsum(values) / len(values)
    return Cell(f"{mean:.3f}" if abs(mean) < 10 else f"{mean:.1f}", str(mean))


def _copies(copying: Sequence[Mapping[str, object] | None]) -> str:
    tests = [test for test in copying if test is not None]
    copied = sum(bool(test.get("near_copies")) for test in tests)
    if copied:
        return f"copies found in {copied} of {len(tests)} folds"
    known = [closer for test in tests if (closer := found_in(test)) is not None]
    if not known:
        return "not testable" if tests else "not tested"
    if not any(known):
        return "not found at this power"
    return f"closer to the shots than held-out images in {sum(known)} of {len(known)} folds"


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
