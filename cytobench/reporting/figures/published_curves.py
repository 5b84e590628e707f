"""The study's Tables S2 and S3 as curves: behind ours where the two may be compared, else apart from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cytobench.analysis.comparison.candidates import Candidate
from cytobench.analysis.leaderboard.model import PublishedComparison, Section
from cytobench.analysis.published.judge import NO_ROW
from cytobench.metrics.metric import Metric
from cytobench.reporting.figures.scales import count_axis
from cytobench.reporting.figures.style import FAINT, grid
from cytobench.reporting.figures.text import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class PublishedCurve:
    """The rows of a published table in one metric, by N."""

    table: str
    classifier: str
    """Ours, by its name in tables."""
    metric: Metric
    rows: tuple[PublishedComparison, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not comparable with ours; empty if every row of ours that has a published one is."""
        beside = [row for row in self.rows if row.ours is not None]
        found = [reason for row in beside for reason in self._of(row)]
        return tuple(dict.fromkeys(found)) if beside else (NO_ROW,)

    def _of(self, row: PublishedComparison) -> tuple[str, ...]:
        """The reasons of a row; it may stand beside a variant's of the same plugin, which is another curve."""
        if row.ours is not None and row.ours.classifier != self.classifier:
            return (f"it stands beside {row.ours.classifier}",)
        return row.reasons

    @property
    def comparable(self) -> bool:
        """Whether it may be drawn on the axes of ours."""
        return not self.reasons

    @property
    def values(self) -> list[tuple[int, float, float]]:
        """N, mean and SD over five folds."""
        found = [(row.n_synthetic, row.aggregates["test", self.metric.name]) for row in self.rows]
        return [(n, one.mean, one.std or 0.0) for n, one in found if n is not None and one.mean is not None]

    @property
    def alt(self) -> str:
        """What the study found, and whether it stands beside ours."""
        (n, first, _), (most, last, _) = self.values[0], self.values[-1]
        finding = f"Published, Table {self.table}: {first:.2f} at N = {n}, {last:.2f} at N = {most:,}"
        return f"{finding}; {'comparable' if self.comparable else 'not comparable with these'}."

    @property
    def caption(self) -> str:
        """What the published curve is, and why it is not comparable."""
        says = (
            f"Published: CytoDiff study (arXiv 2507.05063), Table {self.table}, mean and SD over five folds, synthetic "
            "images among those tested."
        )
        if self.comparable:
            return f"{says} Comparable, by what the records say."
        return f"{says} Drawn apart, since it is not comparable: {listed(self.reasons, 12)}."

    def draw_behind(self, axes: Axes, counts: Sequence[int], room: float) -> dict[str, Any]:
        """Draw it behind ours of these N, and widen the axes to hold it; returns what stands in the legend."""
        low, high = axes.get_ylim()
        handle = self._line(axes, "-")
        ends = [end for _, mean, std in self.values for end in (mean - std - 0.02, mean + std + 0.02)]
        axes.set_ylim(max(min(low, *ends), -0.02), min(max(high, *ends), 1.02))
        count_axis(axes, sorted({*counts, *(n for n, _, _ in self.values)}), room)
        return {f"published, Table {self.table} (comparable)": handle}

    def draw_apart(self, axes: Axes, room: float) -> None:
        """Draw it on axes of its own, marked as not comparable."""
        self._line(axes, (0, (4, 2)))
        axes.set_title(f"published (Table {self.table}),\nNOT comparable", color=FAINT)
        axes.set_ylabel(self.metric.title, color=FAINT)
        count_axis(axes, [n for n, _, _ in self.values], room)
        grid(axes, "y")

    def _line(self, axes: Axes, style: Any) -> Any:
        n, mean, std = zip(*self.values, strict=True)
        axes.errorbar(n, mean, yerr=std, fmt="none", ecolor=FAINT, elinewidth=0.7, capsize=1.5, zorder=1)
        look = {"color": FAINT, "linestyle": style, "marker": "x", "markersize": 3.5, "linewidth": 1.0}
        return axes.plot(n, mean, zorder=1, **look)[0]


def published_curve(section: Section, one: Candidate, metric: Metric) -> PublishedCurve | None:
    """The published rows of a row's classifier plugin that tested real images too; None where the study has none."""
    rows = [
        row
        for row in section.published
        if row.classifier == one.plugin and row.table != "S1" and ("test", metric.name) in row.aggregates
    ]
    numbered = sorted((row for row in rows if row.n_synthetic is not None), key=lambda row: row.n_synthetic or 0)
    return PublishedCurve(numbered[0].table, one.row.classifier, metric, tuple(numbered)) if numbered else None
