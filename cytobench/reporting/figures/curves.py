"""Scores against the number of synthetic images a class: Tables S2 and S3 as a picture, and the gain over N = 0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from cytobench.analysis.comparison.candidates import Candidate
from cytobench.analysis.comparison.cost import GainAndCost
from cytobench.analysis.leaderboard.model import Aggregate, ScoreKey
from cytobench.metrics.built_in import STUDY
from cytobench.metrics.metric import Metric
from cytobench.reporting.figures.drawing import Drawing, Plan
from cytobench.reporting.figures.published_curves import PublishedCurve, published_curve
from cytobench.reporting.figures.scales import count_axis
from cytobench.reporting.figures.section import PlottedSection, series_name
from cytobench.reporting.figures.style import (
    FAINT,
    MM,
    TEXT,
    WIDTH,
    aside,
    grid,
    legend_below,
    new_figure,
    series,
    styled,
)
from cytobench.reporting.figures.text import shortened, slug
from cytobench.reporting.leaderboard.tables import MAJORITY
from cytobench.reporting.outcomes import gain_text
from cytobench.reporting.words import SPLIT_NAMES, aggregate_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE_OF = {"resnet50": "S2", "clip": "S3"}
"""The study's table of each classifier plugin."""
MOST_BESIDE = 7
"""Numbers of synthetic images up to which panels stand side by side; of more, one below the other."""


@dataclass(frozen=True)
class Curve:
    """The rows of one classifier in one metric."""

    plotted: PlottedSection
    rows: tuple[Candidate, ...]
    metric: Metric

    @property
    def classifier(self) -> str:
        """Its name."""
        return self.rows[0].row.classifier

    @property
    def tags(self) -> tuple[str, ...]:
        """The study's table that it is a curve of, where it is one."""
        table = TABLE_OF.get(self.rows[0].plugin)
        return (table,) if table and self.metric in STUDY else ()

    @property
    def cell(self) -> ScoreKey:
        """The figure, on test; of the real images alone where synthetic ones are tested too."""
        return self.plotted.cells[0][0], self.metric.name

    @property
    def plain(self) -> Candidate | None:
        """The row of N = 0."""
        return next((one for one in self.rows if not one.row.n_synthetic and not one.row.submitted), None)

    @property
    def lines(self) -> list[list[Candidate]]:
        """The rows with synthetic images by generator and shots, each by N."""
        found: dict[tuple[object, ...], list[Candidate]] = {}
        for one in self.rows:
            if one.row.n_synthetic:
                found.setdefault(one.kind, []).append(one)
        return list(found.values())

    def points(self, line: Sequence[Candidate], cell: ScoreKey) -> list[tuple[Candidate, Aggregate]]:
        """The rows of a line that have a figure, N = 0 first."""
        rows = [*([self.plain] if self.plain else []), *line]
        figures = [(one, one.row.aggregates.get(cell)) for one in rows]
        return [(one, figure) for one, figure in figures if figure is not None and figure.mean is not None]


def curve_plans(plotted: PlottedSection) -> Iterator[Plan]:
    """One figure for each classifier and metric that has a value."""
    for rows in plotted.classifiers:
        for metric in plotted.section.metrics:
            curve = Curve(plotted, rows, metric)
            if any(curve.points(line, curve.cell) for line in curve.lines or [[]]):
                name = slug("curve", curve.classifier, metric.name) + plotted.suffix
                yield Plan(name, curve.tags, partial(_draw, curve))


def _draw(curve: Curve, name: str) -> Drawing:
    gains = {id(one): gain for line in curve.lines for one in line if (gain := curve.plotted.gain(one, curve.cell))}
    published = published_curve(curve.plotted.section, curve.rows[0], curve.metric)
    pooled = ("test", curve.metric.name) if curve.plotted.section.pooled else None
    title = f"{curve.metric.title} of {shortened(curve.classifier, 60)} by number of synthetic images"
    counts = sorted({one.row.n_synthetic for one in curve.rows})
    panels = 1 + bool(gains) + bool(pooled) + (published is not None and not (pooled and published.comparable))
    stacked = len(counts) > MOST_BESIDE
    room = WIDTH / MM / (1 if stacked else panels) - 16
    with styled():
        figure = new_figure((8 + 62 * panels if stacked else 74) * MM, title=title[0].upper() + title[1:])
        axes = iter(figure.subplots(panels if stacked else 1, 1 if stacked else panels, squeeze=False).flat)
        handles = _scores(next(axes), curve, curve.cell, room)
        if gains:
            _gains(next(axes), curve, gains, room)
        if pooled:
            panel = next(axes)
            handles |= _scores(panel, curve, pooled, room)
            if published is not None and published.comparable:
                handles |= published.draw_behind(panel, counts, room)
        if published is not None and not (pooled and published.comparable):
            published.draw_apart(next(axes), room)
        legend_below(figure, handles)
    caption = _caption(curve, published, bool(gains))
    return Drawing(name, title, _alt(curve, gains, published), caption, figure, curve.tags)


def _scores(axes: Axes, curve: Curve, cell: ScoreKey, room: float) -> dict[str, Any]:
    """Draw the means with their spreads; returns what stands in the legend."""
    handles: dict[str, Any] = {}
    for number, line in enumerate(curve.lines):
        handles[_legend(line[0], curve)] = _line(axes, curve.points(line, cell), number, len(curve.lines))
    if not curve.lines:
        handles["real images alone (N = 0)"] = _line(axes, curve.points([], cell), 0, 1)
    majority = curve.plotted.section.majority.get(cell)
    if majority is not None and majority.mean is not None:
        handles[MAJORITY] = axes.axhline(majority.mean, color=FAINT, linestyle=(0, (1, 2)), linewidth=1)
    made = ", synthetic images too" if curve.plotted.section.pooled and cell[0] == "test" else ""
    axes.set_title(SPLIT_NAMES.get(cell[0], cell[0]) + made)
    axes.set_ylabel(curve.metric.title)
    _finish(axes, curve, room)
    means = [score.mean or 0.0 for line in curve.lines or [[]] for _, score in curve.points(line, cell)]
    if means and min(means) >= 0 and max(means) <= 1:  # bars leave the range of such scores, which no score does
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, -0.02), min(high, 1.02))
    return handles


def _line(axes: Axes, points: Sequence[tuple[Candidate, Aggregate]], number: int, of: int) -> Any:
    """A line through the means of points, with a bar of the spread at each."""
    where = [(one.row.n_synthetic, figure.mean or 0.0) for one, figure in points]
    ends = [
        (value - _spread(figure), value + _spread(figure))
        for (_, value), (_, figure) in zip(where, points, strict=True)
    ]
    filled = [one.row.ranked for one, _ in points]
    return _marked(axes, where, ends, filled, number, of)


def _gains(axes: Axes, curve: Curve, gains: Mapping[int, GainAndCost], room: float) -> None:
    axes.axhline(0, color=TEXT, linewidth=0.8)
    for number, line in enumerate(curve.lines):
        drawn = [(one.row.n_synthetic, gains[id(one)]) for one in line if id(one) in gains]
        where = [(n, found.gain.mean) for n, found in drawn]
        ends = [(found.gain.low, found.gain.high) for _, found in drawn]
        _marked(axes, where, ends, [found.shown for _, found in drawn], number, len(curve.lines))
    known = any(found.gain.low is not None for found in gains.values())
    note = ", 95 % interval\n(filled: gain)" if known else "\n(no interval is known)"
    axes.set_title(f"gain over N = 0{note}")
    axes.set_ylabel(f"difference in {curve.metric.title}")
    _finish(axes, curve, room)


def _marked(
    axes: Axes,
    where: Sequence[tuple[float, float]],
    ends: Sequence[tuple[float | None, float | None]],
    filled: Sequence[bool],
    number: int,
    of: int,
) -> Any:
    """Points joined by a line, filled or hollow, each with its bar; the series of one figure stand a little apart."""
    look = series(number)
    moved = aside(axes, number, of)
    axes.plot(
        [x for x, _ in where], [y for _, y in where], color=look["color"], linestyle=look["linestyle"], transform=moved
    )
    for (x, y), (low, high), full in zip(where, ends, filled, strict=True):
        if low is not None and high is not None and high > low:
            bar: dict[str, Any] = {"linewidth": 0.9, "marker": "_", "markersize": 3.5, "linestyle": "-"}
            axes.plot([x, x], [low, high], color=look["color"], transform=moved, **bar)
            axes.update_datalim([(x, low), (x, high)])
        face = look["color"] if full else "white"
        axes.plot(
            [x], [y], linestyle="", marker=look["marker"], color=look["color"], markerfacecolor=face, transform=moved
        )
        axes.update_datalim([(x, y)])
    return axes.plot([], [], **look)[0]


def _finish(axes: Axes, curve: Curve, room: float) -> None:
    axes.autoscale_view(scalex=False)
    count_axis(axes, sorted({one.row.n_synthetic for one in curve.rows}), room)
    grid(axes, "y")


def _spread(figure: Aggregate) -> float:
    """Half a bar: the SD over folds, where there is one fold that over seeds; 0, no bar, where neither is known."""
    return figure.std if figure.std is not None else figure.std_seeds or 0.0


def _legend(one: Candidate, curve: Curve) -> str:
    name = series_name(one)
    alike = sum(series_name(line[0]) == name for line in curve.lines) > 1
    return f"{name} ({shortened(one.row.settings, 70)})" if alike and one.row.settings else name


def _alt(curve: Curve, gains: Mapping[int, GainAndCost], published: PublishedCurve | None) -> str:
    sentences = _score_sentences(curve, curve.cell, gains)
    if curve.plotted.section.pooled:
        sentences += _score_sentences(curve, ("test", curve.metric.name), {})
    if published is not None:
        sentences.append(published.alt)
    return " ".join(sentences)


def _score_sentences(curve: Curve, cell: ScoreKey, gains: Mapping[int, GainAndCost]) -> list[str]:
    """The scores of one split, N = 0 first, then a sentence a generator."""
    made = ", synthetic images too" if curve.plotted.section.pooled and cell[0] == "test" else ""
    start = f"{curve.classifier}, {curve.metric.title} on {SPLIT_NAMES.get(cell[0], cell[0])}{made}"
    plain = None if curve.plain is None else curve.plain.row.aggregates.get(cell)
    sentences = [
        f"{start}: {aggregate_text(plain, curve.metric.digits)} on real images alone (N = 0)." if plain else f"{start}:"
    ]
    for line in curve.lines:
        parts = [_point_text(one, cell, gains.get(id(one))) for one in _told(line, curve)]
        left = len(line) - len(parts)
        more = f"; {left} more N between" if left else ""
        sentences.append(f"{_legend(line[0], curve)}: {'; '.join(parts)}{more}.")
    return sentences


def _told(line: Sequence[Candidate], curve: Curve) -> list[Candidate]:
    """All rows of a short line; of a long one the least N, the one that validation chose, and the most."""
    if len(line) <= 4:
        return list(line)
    return [one for one in line if one in (line[0], line[-1]) or one in curve.plotted.chosen]


def _point_text(one: Candidate, cell: ScoreKey, gain: GainAndCost | None) -> str:
    """``0.548±0.045 at N = 20 (+0.033 [-0.097, +0.163]: no difference shown)``."""
    score = f"{aggregate_text(one.row.aggregates.get(cell))} at N = {one.row.n_synthetic:,}"
    if gain is None:
        return score
    interval = "" if gain.gain.low is None else f" [{gain.gain.low:+.3f}, {gain.gain.high:+.3f}]"
    return f"{score} ({gain.gain.mean:+.3f}{interval}: {gain_text(gain)})"


def _caption(curve: Curve, published: PublishedCurve | None, gains: bool) -> str:
    one_fold = all(figure.std is None for line in curve.lines or [[]] for _, figure in curve.points(line, curve.cell))
    bars = (
        "SD of the seeds' means (one fold)" if one_fold else "sample SD over folds, which is a spread and no interval"
    )
    parts = [
        f"{curve.metric.title} of {curve.classifier} against the number N of synthetic images a class, a line "
        f"a generator, N = 0 included. Points: mean over folds; bars: {bars}. Hollow: not ranked (incomplete, or "
        "perhaps trained on test images)."
    ]
    if gains:
        parts.append(
            "Gain: paired difference from N = 0 with the 95 % interval of the corrected resampled t (Nadeau and Bengio "
            "2003); filled where it is a gain, for the primary metric after Holm's adjustment."
        )
    if curve.plotted.section.pooled:
        parts.append(
            "The protocol divides anew for each N, so that no two N share their test images and no gain can be paired."
        )
    if published is not None:
        parts.append(published.caption)
    return " ".join([*parts, curve.plotted.about(curve.rows)])
