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
    def key(self) -> ScoreKey:
        """The figure, on test; of the real images alone where synthetic ones are tested too."""
        return self.plotted.cells[0][0], self.metric.name

    @property
    def plain(self) -> Candidate | None:
        """The row of N = 0."""
        return next(
            (candidate for candidate in self.rows if not candidate.row.n_synthetic and not candidate.row.submitted),
            None,
        )

    @property
    def lines(self) -> list[list[Candidate]]:
        """The rows with synthetic images by generator and shots, each by N."""
        by_kind: dict[tuple[object, ...], list[Candidate]] = {}
        for candidate in self.rows:
            if candidate.row.n_synthetic:
                by_kind.setdefault(candidate.kind, []).append(candidate)
        return list(by_kind.values())

    def points(self, line: Sequence[Candidate], key: ScoreKey) -> list[tuple[Candidate, Aggregate]]:
        """The rows of a line that have a figure, N = 0 first."""
        rows = [*([self.plain] if self.plain else []), *line]
        scores = [(candidate, candidate.row.aggregates.get(key)) for candidate in rows]
        return [(candidate, score) for candidate, score in scores if score is not None and score.mean is not None]


def curve_plans(plotted: PlottedSection) -> Iterator[Plan]:
    """One figure for each classifier and metric that has a value."""
    for rows in plotted.classifiers:
        for metric in plotted.section.metrics:
            curve = Curve(plotted, rows, metric)
            if any(curve.points(line, curve.key) for line in curve.lines or [[]]):
                name = slug("curve", curve.classifier, metric.name) + plotted.suffix
                yield Plan(name, "curves", curve.tags, partial(_draw, curve))


def _draw(curve: Curve, name: str) -> Drawing:
    gains = {
        id(candidate): gain
        for line in curve.lines
        for candidate in line
        if (gain := curve.plotted.gain(candidate, curve.key))
    }
    published = published_curve(curve.plotted.section, curve.rows[0], curve.metric)
    pooled = ("test", curve.metric.name) if curve.plotted.section.pooled else None
    title = f"{curve.metric.title} of {shortened(curve.classifier, 60)} by number of synthetic images"
    counts = sorted({candidate.row.n_synthetic for candidate in curve.rows})
    panels = 1 + bool(gains) + bool(pooled) + (published is not None and not (pooled and published.comparable))
    stacked = len(counts) > MOST_BESIDE
    room = WIDTH / MM / (1 if stacked else panels) - 16
    with styled():
        figure = new_figure((8 + 62 * panels if stacked else 74) * MM, title=title[0].upper() + title[1:])
        axes = iter(figure.subplots(panels if stacked else 1, 1 if stacked else panels, squeeze=False).flat)
        handles = _scores(next(axes), curve, curve.key, room)
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


def _scores(axes: Axes, curve: Curve, key: ScoreKey, room: float) -> dict[str, Any]:
    """Draw the means with their spreads; returns what stands in the legend."""
    handles: dict[str, Any] = {}
    for number, line in enumerate(curve.lines):
        handles[_legend(line[0], curve)] = _line(axes, curve.points(line, key), number, len(curve.lines))
    if not curve.lines:
        handles["real images alone (N = 0)"] = _line(axes, curve.points([], key), 0, 1)
    majority = curve.plotted.section.majority.get(key)
    if majority is not None and majority.mean is not None:
        handles[MAJORITY] = axes.axhline(majority.mean, color=FAINT, linestyle=(0, (1, 2)), linewidth=1)
    pooled = ", synthetic images too" if curve.plotted.section.pooled and key[0] == "test" else ""
    axes.set_title(SPLIT_NAMES.get(key[0], key[0]) + pooled)
    axes.set_ylabel(curve.metric.title)
    _finish(axes, curve, room)
    low, high = axes.get_ylim()
    least, most = curve.metric.spec.range  # bars may leave it, which no score does
    axes.set_ylim(low if least is None else max(low, least - 0.02), high if most is None else min(high, most + 0.02))
    return handles


def _line(axes: Axes, points: Sequence[tuple[Candidate, Aggregate]], number: int, of: int) -> Any:
    """A line through the means of points, with a bar of the spread at each."""
    where = [(candidate.row.n_synthetic, score.mean or 0.0) for candidate, score in points]
    ends = [
        (value - _spread(score), value + _spread(score)) for (_, value), (_, score) in zip(where, points, strict=True)
    ]
    filled = [candidate.row.ranked for candidate, _ in points]
    return _marked(axes, where, ends, filled, number, of)


def _gains(axes: Axes, curve: Curve, gains: Mapping[int, GainAndCost], room: float) -> None:
    axes.axhline(0, color=TEXT, linewidth=0.8)
    for number, line in enumerate(curve.lines):
        drawn = [(candidate.row.n_synthetic, gains[id(candidate)]) for candidate in line if id(candidate) in gains]
        where = [(n, gain.gain.mean) for n, gain in drawn]
        ends = [(gain.gain.low, gain.gain.high) for _, gain in drawn]
        _marked(axes, where, ends, [gain.shown for _, gain in drawn], number, len(curve.lines))
    known = any(gain.gain.low is not None for gain in gains.values())
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
    count_axis(axes, sorted({candidate.row.n_synthetic for candidate in curve.rows}), room)
    grid(axes, "y")


def _spread(score: Aggregate) -> float:
    """Half a bar: the SD over folds, where there is one fold that over seeds; 0, no bar, where neither is known."""
    return score.std if score.std is not None else score.std_seeds or 0.0


def _legend(candidate: Candidate, curve: Curve) -> str:
    name = series_name(candidate)
    alike = sum(series_name(line[0]) == name for line in curve.lines) > 1
    return f"{name} ({shortened(candidate.row.settings, 70)})" if alike and candidate.row.settings else name


def _alt(curve: Curve, gains: Mapping[int, GainAndCost], published: PublishedCurve | None) -> str:
    sentences = _score_sentences(curve, curve.key, gains)
    if curve.plotted.section.pooled:
        sentences += _score_sentences(curve, ("test", curve.metric.name), {})
    if published is not None:
        sentences.append(published.alt)
    return " ".join(sentences)


def _score_sentences(curve: Curve, key: ScoreKey, gains: Mapping[int, GainAndCost]) -> list[str]:
    """The scores of one split, N = 0 first, then a sentence a generator."""
    pooled = ", synthetic images too" if curve.plotted.section.pooled and key[0] == "test" else ""
    start = f"{curve.classifier}, {curve.metric.title} on {SPLIT_NAMES.get(key[0], key[0])}{pooled}"
    plain = None if curve.plain is None else curve.plain.row.aggregates.get(key)
    sentences = [
        f"{start}: {aggregate_text(plain, curve.metric.digits)} on real images alone (N = 0)." if plain else f"{start}:"
    ]
    for line in curve.lines:
        parts = [_point_text(candidate, key, gains.get(id(candidate))) for candidate in _named(line, curve)]
        left = len(line) - len(parts)
        more = f"; {left} more N between" if left else ""
        sentences.append(f"{_legend(line[0], curve)}: {'; '.join(parts)}{more}.")
    return sentences


def _named(line: Sequence[Candidate], curve: Curve) -> list[Candidate]:
    """All rows of a short line; of a long one the least N, the one that validation chose, and the most."""
    if len(line) <= 4:
        return list(line)
    return [candidate for candidate in line if candidate in (line[0], line[-1]) or candidate in curve.plotted.chosen]


def _point_text(candidate: Candidate, key: ScoreKey, gain: GainAndCost | None) -> str:
    """``0.548±0.045 at N = 20 (+0.033 [-0.097, +0.163]: no difference shown)``."""
    score = f"{aggregate_text(candidate.row.aggregates.get(key))} at N = {candidate.row.n_synthetic:,}"
    if gain is None:
        return score
    interval = "" if gain.gain.low is None else f" [{gain.gain.low:+.3f}, {gain.gain.high:+.3f}]"
    return f"{score} ({gain.gain.mean:+.3f}{interval}: {gain_text(gain)})"


def _caption(curve: Curve, published: PublishedCurve | None, gains: bool) -> str:
    one_fold = all(score.std is None for line in curve.lines or [[]] for _, score in curve.points(line, curve.key))
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
