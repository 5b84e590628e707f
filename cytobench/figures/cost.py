"""What rows cost: the stages behind each, and the gain over N = 0 beside the device-hours that it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cytobench.comparison.candidates import Candidate
from cytobench.comparison.words import price_text
from cytobench.figures.drawing import Drawing, Plan
from cytobench.figures.shown import Shown, is_gain, row_name, series_name
from cytobench.figures.style import FAINT, FILLS, HATCHES, MM, SMALL, TEXT, WIDTH, grid, legend_below, new_figure, series, styled
from cytobench.figures.text import labels, listed, shortened, slug
from cytobench.leaderboard.rows import stage_seconds
from cytobench.leaderboard.words import METRIC_NAMES, duration
from cytobench.statistics.cost import GainAndCost

STAGES = ("fit", "sample", "train", "predict")
MOST_ROWS = 44
"""Rows that one page holds; of more, those that validation chose are shown, and N = 0."""
UNITS = ((2 * 3600.0, 3600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
"""From how many seconds on a unit is used, its seconds, its name."""


def cost_plans(shown: Shown) -> Iterator[Plan]:
    """The stages of all rows, and for each classifier its gains beside their cost."""
    rows = [one for group in shown.classifiers for one in group if not one.row.submitted]
    if len(rows) > MOST_ROWS:
        rows = [one for one in rows if not one.row.n_synthetic or one in shown.chosen][:MOST_ROWS]
    if rows:
        yield Plan(f"cost-stages{shown.suffix}", (), lambda: _stages(shown, rows, f"cost-stages{shown.suffix}"))
    for group in shown.classifiers:
        gains = [(one, gain) for one in group if (gain := shown.gain(one, shown.cells[0])) is not None and gain.hours is not None]
        if gains:
            name = slug("cost-gain", group[0].row.classifier) + shown.suffix
            yield Plan(name, (), lambda gains=gains, name=name: _gains(shown, gains, name))  # type: ignore[misc]


def _stages(shown: Shown, rows: Sequence[Candidate], name: str) -> Drawing:
    seconds = [stage_seconds([record for record, _ in one.trials.values()]) for one in rows]
    totals = [sum(one.values()) for one in seconds]
    _, unit, called = next(one for one in UNITS if max(totals) >= one[0])
    title = f"Time behind each row, by stage, on {shortened(shown.section.device, 50)}"
    with styled():
        figure = new_figure((34 + 5.2 * len(rows)) * MM, WIDTH, title)
        axes = figure.subplots()
        handles = {}
        left = [0.0] * len(rows)
        for number, stage in enumerate(STAGES):
            wide = [one.get(stage, 0.0) / unit for one in seconds]
            handles[stage] = axes.barh(range(len(rows)), wide, 0.72, left=left, color=FILLS[number], hatch=HATCHES[number], edgecolor=TEXT, linewidth=0.5)
            left = [a + b for a, b in zip(left, wide, strict=True)]
        for place, total in enumerate(totals):
            axes.text(total / unit, place, f"  {duration(total)}", va="center", fontsize=SMALL)
        axes.set_yticks(range(len(rows)), labels([f"{one.row.classifier}: {row_name(one)}" for one in rows], 48))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(0, max(totals) / unit * 1.14)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(called)
        grid(axes, "x")
        legend_below(figure, handles)
    parts = [f"{one.row.row} {duration(total)}{_most(of)}" for one, total, of in zip(rows, totals, seconds, strict=True)]
    caption = (
        "Seconds of all stages behind the finished trials of a row, each stage once, whenever it was done; fidelity is not counted. Rows share "
        f"stages, so that their times do not add up. Fit and sample: the generator; train and predict: the classifier. {shown.about(rows)}"
    )
    return Drawing(name, title, f"{title}: {listed(parts, 12)}.", caption, figure)


def _most(seconds: dict[str, float]) -> str:
    total = sum(seconds.values())
    if not total:
        return ""
    stage = max(seconds, key=lambda kind: seconds[kind])
    return f" ({100 * seconds[stage] / total:.0f} % {stage})"


def _gains(shown: Shown, gains: Sequence[tuple[Candidate, GainAndCost]], name: str) -> Drawing:
    metric = METRIC_NAMES[shown.cells[0][1]]
    classifier = gains[0][0].row.classifier
    title = f"What the gain of {shortened(classifier, 40)} over N = 0 costs"
    lines: dict[tuple[object, ...], list[tuple[Candidate, GainAndCost]]] = {}
    for one, gain in gains:
        lines.setdefault(one.kind, []).append((one, gain))
    longest = max(abs(gain.hours or 0.0) for _, gain in gains) * 3600
    _, unit, called = next(one for one in UNITS if longest >= one[0])
    with styled():
        figure = new_figure((78 + 4 * len(lines)) * MM, WIDTH, title)
        axes = figure.subplots()
        axes.axhline(0, color=TEXT, linewidth=0.8)
        handles = {}
        for number, line in enumerate(lines.values()):
            look = series(number)
            for one, gain in line:
                x = (gain.hours or 0.0) * 3600 / unit
                if gain.gain.low is not None and gain.gain.high is not None:
                    axes.plot([x, x], [gain.gain.low, gain.gain.high], color=look["color"], linewidth=0.9, marker="_", markersize=3.5)
                face = look["color"] if is_gain(gain) else "white"
                axes.plot([x], [gain.gain.mean], linestyle="", marker=look["marker"], color=look["color"], markerfacecolor=face)
                if len(line) <= 4 or one in shown.chosen:
                    axes.annotate(f"N = {one.row.n_synthetic:,}", (x, gain.gain.mean), (4, 4), textcoords="offset points", fontsize=SMALL)
            handles[f"{series_name(line[0][0])}: {_words(line)}"] = axes.plot([], [], **{**look, "linestyle": ""})[0]
        axes.set_xlabel(f"device-{called} beyond N = 0, on {shortened(shown.section.device, 50)}")
        axes.set_ylabel(f"gain in {metric}, 95 % interval\n(hollow: no gain shown)")
        axes.margins(x=0.12)
        if axes.get_xlim()[0] < 0 < axes.get_xlim()[1]:
            axes.axvline(0, color=FAINT, linewidth=0.6, linestyle=":")
        grid(axes, "y")
        legend_below(figure, handles)
    told = [f"{one.row.row}: {price_text(gain, shown.cells[0][1], shown.section.device)}" for one, gain in gains]
    caption = (
        f"Gain in {metric} ({shown.cells[0][0]}) over N = 0 of the same classifier, with the 95 % interval of the corrected resampled t over folds (Nadeau "
        "and Bengio 2003), against the device time beyond that of N = 0, all stages counted. A gain is filled, and priced, only where its interval "
        f"lies above 0 and, in a declared family, where Holm's adjustment leaves it. {shown.about([one for one, _ in gains])}"
    )
    return Drawing(name, title, f"{classifier}. {'; '.join(told)}.", caption, figure)


def _words(line: Sequence[tuple[Candidate, GainAndCost]]) -> str:
    """What may be said, each saying with its N where there are several."""
    found: dict[str, list[str]] = {}
    for one, gain in line:
        found.setdefault(gain.words, []).append(f"{one.row.n_synthetic:,}")
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{words} at N = {', '.join(counts)}" for words, counts in found.items())
