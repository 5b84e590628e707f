"""What rows cost: the stages behind each, and the gain over N = 0 beside the device-hours that it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cytobench.analysis.comparison.candidates import Candidate
from cytobench.analysis.comparison.cost import GainAndCost
from cytobench.analysis.leaderboard.rows import stage_seconds
from cytobench.reporting.figures.drawing import Drawing, Plan
from cytobench.reporting.figures.section import PlottedSection, row_name, series_name
from cytobench.reporting.figures.style import (
    FAINT,
    FILLS,
    HATCHES,
    MM,
    SMALL,
    TEXT,
    WIDTH,
    grid,
    legend_below,
    name_ticks,
    new_figure,
    series,
    styled,
)
from cytobench.reporting.figures.text import labels, listed, shortened, slug
from cytobench.reporting.outcomes import gain_and_cost_text, gain_text
from cytobench.reporting.words import duration
from cytobench.storage.stage_kind import StageKind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STAGES = (StageKind.FIT, StageKind.SAMPLE, StageKind.TRAIN, StageKind.PREDICT)
MOST_ROWS = 44
"""Rows that one page holds; of more, those that validation chose are shown, and N = 0."""
MOST_TOLD = 6
"""Gains that the alt text names all; of more, those that validation chose and those that are shown."""
UNITS = ((2 * 3600.0, 3600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
"""From how many seconds on a unit is used, its seconds, its name."""

Priced = tuple[Candidate, GainAndCost]


def cost_plans(plotted: PlottedSection) -> Iterator[Plan]:
    """The stages of all rows, and for each classifier its gains beside their cost."""
    rows = [candidate for group in plotted.classifiers for candidate in group if not candidate.row.submitted]
    if len(rows) > MOST_ROWS:
        rows = [candidate for candidate in rows if not candidate.row.n_synthetic or candidate in plotted.chosen][
            :MOST_ROWS
        ]
    if rows:
        yield Plan(f"cost-stages{plotted.suffix}", "cost", (), partial(_stages, plotted, rows))
    for group in plotted.classifiers:
        gains = [
            (candidate, gain)
            for candidate in group
            if (gain := plotted.gain(candidate, plotted.cells[0])) and gain.hours is not None
        ]
        if gains:
            name = slug("cost-gain", group[0].row.classifier) + plotted.suffix
            yield Plan(name, "cost", (), partial(_gains, plotted, gains))


def _stages(plotted: PlottedSection, rows: Sequence[Candidate], name: str) -> Drawing:
    seconds = [stage_seconds([record for record, _ in candidate.trials.values()]) for candidate in rows]
    totals = [sum(by_stage.values()) for by_stage in seconds]
    title = f"Time behind each row, by stage, on {shortened(plotted.section.device, 50)}"
    with styled():
        figure = new_figure((24 + 5.2 * len(rows)) * MM, WIDTH, title)
        axes = figure.subplots()
        handles = _stacked(axes, seconds, totals)
        names = labels([f"{candidate.row.classifier}: {row_name(candidate)}" for candidate in rows], 48)
        name_ticks(axes.yaxis, range(len(rows)), names)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        grid(axes, "x")
        legend_below(figure, handles)
    parts = [
        f"{candidate.row.row} {duration(total)}{_most(of)}"
        for candidate, total, of in zip(rows, totals, seconds, strict=True)
    ]
    caption = (
        "Seconds of all stages behind the finished trials of a row, each stage once, whenever it was done; fidelity is "
        "not counted. Rows share stages, so that their times do not add up. Fit and sample: the generator; train and "
        f"predict: the classifier. {plotted.about(rows)}"
    )
    return Drawing(name, title, f"{title}: {listed(parts, 12)}.", caption, figure)


def _stacked(axes: Axes, seconds: Sequence[Mapping[str, float]], totals: Sequence[float]) -> dict[str, Any]:
    """A bar a row, its stages one after the other, its whole time behind it; returns what stands in the legend."""
    unit, called = _unit(max(totals))
    handles: dict[str, Any] = {}
    left = [0.0] * len(seconds)
    for stage, colour, hatch in zip(STAGES, FILLS, HATCHES, strict=True):
        wide = [by_stage.get(stage, 0.0) / unit for by_stage in seconds]
        look: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": TEXT, "linewidth": 0.5}
        handles[stage] = axes.barh(range(len(seconds)), wide, 0.72, left, **look)
        left = [before + more for before, more in zip(left, wide, strict=True)]
    for position, total in enumerate(totals):
        axes.text(total / unit, position, f"  {duration(total)}", va="center", fontsize=SMALL)
    axes.set_xlim(0, (max(totals) or unit) / unit * 1.14)
    axes.set_xlabel(called)
    return handles


def _unit(seconds: float) -> tuple[float, str]:
    """The unit that a time is best told in: its seconds and its name."""
    return next((unit, called) for least, unit, called in UNITS if seconds >= least)


def _most(seconds: Mapping[str, float]) -> str:
    total = sum(seconds.values())
    if not total:
        return ""
    stage = max(seconds, key=lambda kind: seconds[kind])
    return f" ({100 * seconds[stage] / total:.0f} % {stage})"


def _gains(plotted: PlottedSection, gains: Sequence[Priced], name: str) -> Drawing:
    split, metric = plotted.cells[0][0], gains[0][1].metric.title
    side = "above" if gains[0][1].metric.higher_is_better else "below"
    device = shortened(plotted.section.device, 50)
    title = f"What the gain of {shortened(gains[0][0].row.classifier, 40)} over N = 0 costs"
    unit, called = _unit(max(abs(gain.hours or 0.0) for _, gain in gains) * 3600)
    lines: dict[tuple[object, ...], list[Priced]] = {}
    for candidate, gain in gains:
        lines.setdefault(candidate.kind, []).append((candidate, gain))
    with styled():
        figure = new_figure(70 * MM, WIDTH, title)
        axes = figure.subplots()
        axes.axhline(0, color=TEXT, linewidth=0.8)
        handles = {
            f"{series_name(line[0][0])}: {_words(line)}": _line(axes, line, number, unit)
            for number, line in enumerate(lines.values())
        }
        axes.set_xlabel(f"device-{called} beyond N = 0, on {device}")
        axes.set_ylabel(f"gain in {metric}, 95 % interval\n(filled: gain)")
        axes.axvline(0, color=FAINT, linewidth=0.6, linestyle=":")
        axes.margins(x=0.08)
        grid(axes, "y")
        _name_counts(axes, gains, unit)
        legend_below(figure, handles)
    caption = (
        f"Gain in {metric} ({split}) over N = 0 of the same classifier, with the 95 % interval of the "
        "corrected resampled t over folds (Nadeau and Bengio 2003), against the device time beyond that of N = 0, all "
        f"stages counted. It is filled, and a gain, only where its interval lies {side} 0 and, in a declared family, "
        f"where Holm's adjustment leaves it. {plotted.about([candidate for candidate, _ in gains])}"
    )
    return Drawing(name, title, _alt(plotted, gains), caption, figure)


def _line(axes: Axes, line: Sequence[Priced], number: int, unit: float) -> Any:
    """The gains of one generator, each with its interval; returns what stands in the legend."""
    look = series(number)
    for _, gain in line:
        x, low, high = (gain.hours or 0.0) * 3600 / unit, gain.gain.low, gain.gain.high
        if low is not None and high is not None:
            bar: dict[str, Any] = {"linewidth": 0.9, "marker": "_", "markersize": 3.5}
            axes.plot([x, x], [low, high], color=look["color"], **bar)
        face = look["color"] if gain.shown else "white"
        point: dict[str, Any] = {
            "linestyle": "",
            "marker": look["marker"],
            "color": look["color"],
            "markerfacecolor": face,
        }
        axes.plot([x], [gain.gain.mean], **point)
    return axes.plot([], [], **{**look, "linestyle": ""})[0]


def _name_counts(axes: Axes, gains: Sequence[Priced], unit: float) -> None:
    """Write N above the panel, where one does not run into the next."""
    low, high = axes.get_xlim()
    end = -1.0
    for candidate, gain in sorted(gains, key=lambda pair: pair[1].hours or 0.0):
        x = (gain.hours or 0.0) * 3600 / unit
        text = f"N = {candidate.row.n_synthetic:,}"
        position = (WIDTH / MM - 16) * (x - low) / (high - low)
        half = 1.5 * len(text) / 2
        if position - half > end:
            axes.text(x, 1.01, text, transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=SMALL)
            end = position + half + 1.5


def _alt(plotted: PlottedSection, gains: Sequence[Priced]) -> str:
    texts = [
        f"{candidate.row.row}: {gain_and_cost_text(gain, plotted.section.device)}"
        for candidate, gain in gains
        if len(gains) <= MOST_TOLD or candidate in plotted.chosen or gain.shown
    ]
    left = len(gains) - len(texts)
    more = [f"{left} more rows, none of them a gain"] if left else []
    return f"{gains[0][0].row.classifier}. {'; '.join([*texts, *more])}."


def _words(line: Sequence[Priced]) -> str:
    """What may be said, each saying with its N where there are several."""
    counts_by_text: dict[str, list[str]] = {}
    for candidate, gain in line:
        counts_by_text.setdefault(gain_text(gain), []).append(f"{candidate.row.n_synthetic:,}")
    if len(counts_by_text) == 1:
        return next(iter(counts_by_text))
    return "; ".join(f"{words} at {_counts(counts)}" for words, counts in counts_by_text.items())


def _counts(counts: Sequence[str]) -> str:
    return f"N = {', '.join(counts)}" if len(counts) <= 4 else f"{len(counts)} N from {counts[0]} to {counts[-1]}"
