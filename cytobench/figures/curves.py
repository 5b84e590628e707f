"""Scores against the number of synthetic images a class: Tables S2 and S3 as a picture, with what is gained over N = 0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cytobench.comparison.candidates import Candidate
from cytobench.figures.drawing import Drawing, Plan
from cytobench.figures.published_curves import PublishedCurve, published_curve
from cytobench.figures.scales import count_axis
from cytobench.figures.shown import Shown, series_name
from cytobench.figures.style import FAINT, MM, TEXT, grid, new_figure, series, styled
from cytobench.figures.text import shortened, slug, wrapped
from cytobench.leaderboard.model import Cell, Figure
from cytobench.leaderboard.words import METRIC_NAMES, SPLIT_NAMES, figure_text
from cytobench.metrics import METRICS
from cytobench.statistics.cost import GainAndCost

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE_OF = {"resnet50": "S2", "clip": "S3"}
"""The study's table of each classifier plugin."""
DODGE = 0.012
"""How far series stand apart at one N, as a share of the axis."""


@dataclass(frozen=True)
class Curve:
    """The rows of one classifier in one metric."""

    shown: Shown
    rows: tuple[Candidate, ...]
    metric: str

    @property
    def classifier(self) -> str:
        """Its name."""
        return self.rows[0].row.classifier

    @property
    def cell(self) -> Cell:
        """The figure, on test; of the real images alone where synthetic ones are tested too."""
        return self.shown.cells[0][0], self.metric

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

    def points(self, line: Sequence[Candidate], cell: Cell) -> list[tuple[Candidate, Figure]]:
        """The rows of a line that have a figure, N = 0 first."""
        rows = [*([self.plain] if self.plain else []), *line]
        figures = [(one, one.row.figures.get(cell)) for one in rows]
        return [(one, figure) for one, figure in figures if figure is not None and figure.mean is not None]


def curve_plans(shown: Shown) -> Iterator[Plan]:
    """One figure for each classifier and metric that has a value."""
    for rows in shown.classifiers:
        for metric in METRICS:
            curve = Curve(shown, rows, metric)
            if any(curve.points(line, curve.cell) for line in curve.lines or [[]]):
                table = TABLE_OF.get(rows[0].plugin)
                name = slug("curve", curve.classifier, metric) + shown.suffix
                yield Plan(name, (table,) if table else (), lambda curve=curve, name=name: _draw(curve, name))  # type: ignore[misc]


def _draw(curve: Curve, name: str) -> Drawing:
    gains = {id(one): gain for line in curve.lines for one in line if (gain := curve.shown.gain(one, curve.cell))}
    published = published_curve(curve.shown.section, curve.rows[0].plugin, curve.metric)
    pooled = ("test", curve.metric) if curve.shown.section.pooled else None
    title = f"{METRIC_NAMES[curve.metric]} of {shortened(curve.classifier, 60)} by number of synthetic images"
    with styled():
        panels = 1 + bool(gains) + bool(pooled) + (published is not None and not (pooled and published.comparable))
        figure = new_figure((78 if panels < 3 else 88) * MM, title=title[0].upper() + title[1:])
        axes = list(figure.subplots(1, panels, squeeze=False)[0])
        handles = _scores(axes.pop(0), curve, curve.cell)
        if gains:
            _gains(axes.pop(0), curve, gains)
        if pooled:
            panel = axes.pop(0)
            handles |= _scores(panel, curve, pooled)
            if published is not None and published.comparable:
                handles |= published.draw_behind(panel)
        if axes and published is not None:
            published.draw_apart(axes.pop(0))
        wide = 3 if max(map(len, handles)) < 30 else 2 if max(map(len, handles)) < 50 else 1
        texts = [wrapped(text) for text in handles]
        figure.legend(list(handles.values()), texts, loc="outside lower left", ncols=wide, borderaxespad=0.2)
    tag = TABLE_OF.get(curve.rows[0].plugin)
    caption = _caption(curve, published, bool(gains))
    return Drawing(name, title, _alt(curve, gains, published), caption, figure, (tag,) if tag else ())


def _scores(axes: Axes, curve: Curve, cell: Cell) -> dict[str, Any]:
    """Draw the means with their spreads; returns what stands in the legend."""
    handles: dict[str, Any] = {}
    for number, line in enumerate(curve.lines):
        points = curve.points(line, cell)
        x = [one.row.n_synthetic for one, _ in points]
        handles[_legend(line[0], curve)] = _line(axes, x, points, number, len(curve.lines))
    if not curve.lines:
        points = curve.points([], cell)
        handles["real images alone (N = 0)"] = _line(axes, [0] * len(points), points, 5, 1)
    majority = curve.shown.section.majority.get(cell)
    if majority is not None and majority.mean is not None:
        handles["always the majority class"] = axes.axhline(majority.mean, color=FAINT, linestyle=(0, (1, 2)), linewidth=1)
    axes.set_title(wrapped(SPLIT_NAMES.get(cell[0], cell[0]) + (" and synthetic images" if cell[0] == "test" and curve.shown.section.pooled else ""), 34))
    axes.set_ylabel(METRIC_NAMES[curve.metric])
    count_axis(axes, sorted({one.row.n_synthetic for one in curve.rows}))
    grid(axes, "y")
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -0.02), min(high, 1.02))
    return handles


def _line(axes: Axes, x: Sequence[int], points: Sequence[tuple[Candidate, Figure]], number: int, of: int) -> Any:
    look = series(number)
    y = [figure.mean for _, figure in points]
    spread = [_spread(figure) for _, figure in points]
    moved = _moved(axes, number, of)
    axes.errorbar(x, y, yerr=spread, fmt="none", ecolor=look["color"], elinewidth=0.9, capsize=1.8, transform=moved)
    axes.plot(x, y, color=look["color"], linestyle=look["linestyle"], transform=moved)
    for (one, _), n, value in zip(points, x, y, strict=True):
        face = look["color"] if one.row.ranked else "white"
        axes.plot([n], [value], linestyle="", marker=look["marker"], color=look["color"], markerfacecolor=face, transform=moved)
    return axes.plot([], [], **look)[0]


def _moved(axes: Axes, number: int, of: int) -> Any:
    """The data's place, moved aside a little so that the bars of several series can be told apart."""
    from matplotlib.transforms import ScaledTranslation

    width = (number - (of - 1) / 2) * 1.1 * MM
    return axes.transData + ScaledTranslation(width, 0, axes.get_figure(root=True).dpi_scale_trans)  # type: ignore[union-attr]


def _gains(axes: Axes, curve: Curve, gains: dict[int, GainAndCost]) -> None:
    axes.axhline(0, color=TEXT, linewidth=0.8)
    for number, line in enumerate(curve.lines):
        look = series(number)
        moved = _moved(axes, number, len(curve.lines))
        known = [(one, gains[id(one)].gain) for one in line if id(one) in gains]
        axes.plot([one.row.n_synthetic for one, _ in known], [gain.mean for _, gain in known], color=look["color"], linestyle=look["linestyle"], transform=moved)
        for one, gain in known:
            shown = "a gain" in gains[id(one)].words and "no gain" not in gains[id(one)].words
            if gain.low is not None and gain.high is not None:
                axes.plot([one.row.n_synthetic] * 2, [gain.low, gain.high], color=look["color"], linewidth=0.9, transform=moved)
            axes.plot([one.row.n_synthetic], [gain.mean], marker=look["marker"], color=look["color"], linestyle="", markerfacecolor=look["color"] if shown else "white", transform=moved)
    axes.set_title("gain over N = 0, 95 % interval")
    axes.set_ylabel(f"difference in {METRIC_NAMES[curve.metric]}")
    count_axis(axes, sorted({one.row.n_synthetic for one in curve.rows}))
    grid(axes, "y")


def _spread(figure: Figure) -> float:
    """Half a bar: the SD over folds, where there is one fold that over seeds; 0, no bar, where neither is known."""
    return figure.std if figure.std is not None else figure.std_seeds or 0.0


def _legend(one: Candidate, curve: Curve) -> str:
    name = series_name(one)
    alike = sum(series_name(line[0]) == name for line in curve.lines) > 1
    return f"{name} ({shortened(one.row.settings, 70)})" if alike and one.row.settings else name


def _alt(curve: Curve, gains: dict[int, GainAndCost], published: PublishedCurve | None) -> str:
    split = SPLIT_NAMES.get(curve.cell[0], curve.cell[0])
    start = f"{curve.classifier}, {METRIC_NAMES[curve.metric]} on {split}"
    plain = None if curve.plain is None else curve.plain.row.figures.get(curve.cell)
    first = f"{start}: {figure_text(plain)} on real images alone (N = 0)" if plain else start
    sentences = [f"{first}."]
    for line in curve.lines:
        parts = [f"{figure_text(one.row.figures.get(curve.cell))} at N = {one.row.n_synthetic:,}{_gain_text(gains.get(id(one)))}" for one in _told(line, curve)]
        left = len(line) - len(parts)
        more = f"; {left} more N between" if left else ""
        sentences.append(f"{_legend(line[0], curve)}: {'; '.join(parts)}{more}.")
    if published is not None:
        sentences.append(published.alt)
    return " ".join(sentences)


def _told(line: Sequence[Candidate], curve: Curve) -> list[Candidate]:
    """All rows of a short line; of a long one the least N, the one that validation chose, and the most."""
    if len(line) <= 4:
        return list(line)
    return [one for one in line if one in (line[0], line[-1]) or one in curve.shown.chosen]


def _gain_text(gain: GainAndCost | None) -> str:
    if gain is None:
        return ""
    interval = "" if gain.gain.low is None else f" [{gain.gain.low:+.3f}, {gain.gain.high:+.3f}]"
    return f" ({gain.gain.mean:+.3f}{interval}: {gain.words})"


def _caption(curve: Curve, published: PublishedCurve | None, gains: bool) -> str:
    one_fold = all(figure.std is None for line in curve.lines or [[]] for _, figure in curve.points(line, curve.cell))
    bars = "SD of the seeds' means (one fold)" if one_fold else "sample SD over folds, which is a spread and no interval"
    parts = [
        f"{METRIC_NAMES[curve.metric]} of {curve.classifier} against the number N of synthetic images a class, a line a generator, N = 0 included. "
        f"Points: mean over folds; bars: {bars}. Hollow: not ranked (incomplete, or perhaps trained on test images)."
    ]
    if gains:
        parts.append("Gain: paired difference from N = 0 with the 95 % interval of the corrected resampled t (Nadeau and Bengio 2003); filled where a gain is shown, for the primary metric after Holm's adjustment.")
    if curve.shown.section.pooled:
        parts.append("The protocol divides anew for each N, so that no two N share their test images and no gain can be paired.")
    if published is not None:
        parts.append(published.caption)
    return " ".join([*parts, curve.shown.about(curve.rows)])
