"""F1 of each class with its interval, beside the number of real images that it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cytobench.analysis.comparison.candidates import Candidate
from cytobench.metrics.statistics.classes import ClassScore, Proportion, per_class
from cytobench.reporting.figures.drawing import Drawing, Plan
from cytobench.reporting.figures.section import PlottedSection, row_name
from cytobench.reporting.figures.style import (
    MM,
    NORMAL,
    WIDTH,
    grid,
    legend_below,
    name_ticks,
    new_figure,
    series,
    styled,
)
from cytobench.reporting.figures.text import LABEL, columns, in_full, labels, shortened, slug
from cytobench.storage.records import predictions_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LONGEST = 34
"""Classes in one panel; more stand in panels beside each other."""
LINE, LEAST = 2.0 * MM, 4.2 * MM
"""Height of a series within a class, and the least of a class."""


def class_plans(plotted: PlottedSection) -> Iterator[Plan]:
    """One figure a classifier: N = 0 and, of each generator, the N that validation chose."""
    for group in plotted.classifiers:
        rows = [
            candidate
            for candidate in group
            if candidate.row.complete and (not candidate.row.n_synthetic or candidate in plotted.chosen)
        ]
        if rows:
            name = slug("classes", rows[0].row.classifier) + plotted.suffix
            yield Plan(name, "classes", (), partial(_draw, plotted, rows))


def _draw(plotted: PlottedSection, rows: Sequence[Candidate], name: str) -> Drawing:
    split = plotted.cells[0][0]
    scores = [per_class(tested(candidate, split), candidate.first.evaluated) for candidate in rows]
    order = sorted(range(len(scores[0])), key=lambda i: -scores[0][i].images)
    panels = -(-len(order) // LONGEST)
    deep = -(-len(order) // panels)
    width = LABEL if panels == 1 else 15
    title = f"F1 of {shortened(rows[0].row.classifier, 50)} by class, the rarest class last"
    height = deep * max(LINE * (len(rows) + 0.8), LEAST) + 22 * MM
    # N = 0 is black, and generators look as in the curves.
    looks = [
        series(-1) if not candidate.row.n_synthetic else series(i)
        for i, candidate in enumerate(rows, -sum(not candidate.row.n_synthetic for candidate in rows))
    ]
    with styled():
        figure = new_figure(height, WIDTH, title)
        grid_of_axes = figure.subplots(1, panels, squeeze=False)[0]
        names = _names(scores[0], width)
        for panel, axes in enumerate(grid_of_axes):
            _panel(axes, scores, looks, order[panel * deep : (panel + 1) * deep], names, deep)
        handles = {
            row_name(candidate): axes.plot([], [], **{**look, "linestyle": "-"})[0]
            for candidate, look in zip(rows, looks, strict=True)
        }
        legend_below(figure, handles)
    alt = f"F1 of {rows[0].row.classifier} by class on {split}. {_finding(rows, scores)}"
    caption = f"{_how(split, scores[0])} {plotted.about(rows)}"
    return Drawing(name, title, alt + in_full(rows[0].first.evaluated, width), caption, figure)


def _finding(rows: Sequence[Candidate], scores: Sequence[Sequence[ClassScore]]) -> str:
    sentences = [f"{row_name(candidate)}: {_ends(classes)}." for candidate, classes in zip(rows, scores, strict=True)]
    if not rows[0].row.n_synthetic:
        changes = zip(rows[1:], scores[1:], strict=True)
        sentences += [_change(candidate, classes, scores[0]) for candidate, classes in changes]
    return " ".join(sentences)


def _how(split: str, scores: Sequence[ClassScore]) -> str:
    alike = " on the effective number of images, for images of one patient or slide are alike"
    return (
        f"F1 of each class on {split}, all folds pooled, with the 95 % interval of Clopper and Pearson for J = TP / "
        f"(TP + FP + FN), of which F1 is 2J / (1 + J){'' if scores[0].groups is None else alike}. n: real images "
        "tested. Intervals of two rows may overlap though they differ, for both were tested on the same images."
    )


def tested(candidate: Candidate, split: str) -> pd.DataFrame:
    """The predictions of all finished folds of a row in one split, with their seed."""
    import pandas as pd

    parts = []
    for where, (record, file) in sorted(candidate.trials.items()):
        table = predictions_of(record, file)
        parts.append(table[table["split"] == split].assign(seed=where.seed))
    return pd.concat(parts, ignore_index=True)


def _panel(
    axes: Axes,
    scores: Sequence[Sequence[ClassScore]],
    looks: Sequence[Mapping[str, Any]],
    order: Sequence[int],
    names: Sequence[str],
    deep: int,
) -> None:
    """The classes ``order`` from the top, each row of scores on a line of its own."""
    step = 0.8 / max(len(scores), 2)
    for number, (classes, look) in enumerate(zip(scores, looks, strict=True)):
        for position, i in enumerate(order):
            y = position + (number - (len(scores) - 1) / 2) * step
            f1 = classes[i].f1
            axes.plot([f1.low, f1.high], [y, y], color=look["color"], linewidth=0.9, linestyle="-")
            if f1.value is not None:
                axes.plot([f1.value], [y], marker=look["marker"], color=look["color"], markersize=3.4)
    axes.set_ylim(deep - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    name_ticks(axes.yaxis, range(len(order)), [names[i] for i in order])
    for position in range(1, len(order)):
        axes.axhline(position - 0.5, color="#ececf0", linewidth=0.5, zorder=0)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("F1", fontsize=NORMAL)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    grid(axes, "x")


def _names(scores: Sequence[ClassScore], width: int) -> list[str]:
    short = labels([score.label for score in scores], width)
    widest = max(map(columns, short))
    gap = "  " if widest < width else " "
    return [f"{name}{gap}(n = {score.images:,})" for name, score in zip(short, scores, strict=True)]


def _ends(scores: Sequence[ClassScore]) -> str:
    """The best and the worst class."""
    known = [score for score in scores if score.f1.value is not None]
    if not known:
        return "no class has a value"
    best, worst = max(known, key=lambda score: score.f1.value or 0), min(known, key=lambda score: score.f1.value or 0)
    return f"highest {_score(best)}, lowest {_score(worst)}"


def _change(candidate: Candidate, classes: Sequence[ClassScore], plain: Sequence[ClassScore]) -> str:
    """Which classes rise most and fall most beside N = 0."""
    both = [
        (now.label, now.f1.value - before.f1.value)
        for now, before in zip(classes, plain, strict=True)
        if now.f1.value is not None and before.f1.value is not None
    ]
    if not both:
        return ""
    (up, most), (down, least) = max(both, key=lambda pair: pair[1]), min(both, key=lambda pair: pair[1])
    return f"{row_name(candidate)} minus N = 0: from {least:+.2f} ({down}) to {most:+.2f} ({up})."


def _score(score: ClassScore) -> str:
    return f"{score.label} {_proportion(score.f1)} of {score.images:,} images"


def _proportion(share: Proportion) -> str:
    return f"{share.value:.2f} [{share.low:.2f}, {share.high:.2f}]"
