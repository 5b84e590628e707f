"""Confusion matrices as figures: counts and shares of a row, what N changes, and the study's."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cytobench.analysis.comparison.candidates import Candidate, why_never_paired
from cytobench.analysis.confusion import summed_matrix
from cytobench.analysis.published import FIGURES, matrix_with_verdict
from cytobench.analysis.published.judge import GENERATOR
from cytobench.metrics.confusion import ConfusionMatrix
from cytobench.reporting.figures.drawing import Drawing, Plan
from cytobench.reporting.figures.section import PlottedSection, row_name
from cytobench.reporting.figures.style import (
    FAINT,
    GRID,
    LEGEND_LINE,
    MM,
    SMALL,
    TEXT,
    WIDTH,
    name_ticks,
    new_figure,
    styled,
)
from cytobench.reporting.figures.text import columns, in_full, labels, shortened, slug

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

BOTH, SHARES = 15, 30
"""Up to so many classes a cell has its count and its share, up to so many its share alone, above none."""
CELL = 2.7 * MM
"""The least side of a cell: a label of 7 points fits beside it."""
WHOLE_CELL = 9 * MM
"""The least side of a cell with both numbers: five digits of 7 points fit."""
FEW, LARGEST_CELL = 5, 13 * MM
"""The greatest side of a cell, and up to how many classes it is twice that."""
NARROWEST, SCALE = 100 * MM, 22 * MM
"""The least width of a figure, whose title needs room, and that of a scale of shades."""
LARGEST = 3
"""Confusions that the alt text names."""


def matrix_plans(plotted: PlottedSection) -> Iterator[Plan]:
    """Of each classifier N = 0, what validation chose of each generator and the study's N, the changes, the study's."""
    for rows in plotted.classifiers:
        plain = next(
            (candidate for candidate in rows if not candidate.row.n_synthetic and candidate.row.complete), None
        )
        for candidate in rows:
            if candidate is not plain and candidate not in plotted.chosen and not _is_the_studys(candidate):
                continue
            tags = _tags(candidate, rows)
            yield Plan(_name(candidate) + plotted.suffix, "confusion", tags, partial(_row, plotted, candidate, tags))
            if plain is not None and candidate is not plain:
                name = f"{_name(candidate)}-minus-n0{plotted.suffix}"
                yield Plan(name, "confusion", tags, partial(_change, plotted, candidate, plain, tags))
        for figure, published in FIGURES.items():
            if published.classifier == rows[0].plugin:
                name = slug("published", figure, "beside", rows[0].row.classifier) + plotted.suffix
                yield Plan(name, "confusion", (figure.upper(),), partial(_published, plotted, rows, figure))


def _name(candidate: Candidate) -> str:
    row = candidate.row
    return slug("confusion", row.classifier, row.generator, f"s{row.shots}", f"n{row.n_synthetic}")


def _is_the_studys(candidate: Candidate, name: str = "") -> bool:
    """Whether a row has the classifier, the N and the generator of one of the study's figures, or of this one."""
    kind = candidate.plugin, candidate.row.n_synthetic
    generated = candidate.row.generator in ("none", GENERATOR)
    same = [key for key, figure in FIGURES.items() if (figure.classifier, figure.n) == kind]
    return candidate.row.complete and generated and (name in same if name else bool(same))


def _tags(candidate: Candidate, rows: Sequence[Candidate]) -> tuple[str, ...]:
    """The study's figures of the same classifier and N; where no row has that N, those with synthetic images too."""
    return tuple(
        name.upper()
        for name, figure in FIGURES.items()
        if (figure.classifier, figure.n > 0) == (candidate.plugin, candidate.row.n_synthetic > 0)
        and (_is_the_studys(candidate, name) or not any(_is_the_studys(other, name) for other in rows))
    )


def _row(plotted: PlottedSection, candidate: Candidate, tags: tuple[str, ...], name: str) -> Drawing:
    matrix = _matrix(plotted, candidate)
    title = f"Confusion of {shortened(candidate.row.classifier, 40)}: {shortened(row_name(candidate), 60)}"
    with styled():
        figure = matrix_figure(matrix, title)
    start = f"{candidate.row.classifier}, {row_name(candidate)}"
    summed = f"{candidate.row.row}, {plotted.cells[0][0]}, summed over all folds{_seeds(plotted)}."
    caption = f"{_how(matrix)} {summed} {plotted.about([candidate])}"
    return Drawing(name, title, f"{start}: {_finding(matrix)}{in_full(matrix.predicted)}", caption, figure, tags)


def _change(
    plotted: PlottedSection, candidate: Candidate, plain: Candidate, tags: tuple[str, ...], name: str
) -> Drawing:
    after, before = _matrix(plotted, candidate), _matrix(plotted, plain)
    points = 100 * (after.shares - before.shares)
    title = (
        f"What changes for {shortened(candidate.row.classifier, 40)}: {shortened(row_name(candidate), 50)} minus N = 0"
    )
    with styled():
        figure = change_figure(after, points, title)
    right = np.diagonal(points)
    better, worse = int((right > 0).sum()), int((right < 0).sum())
    order = np.argsort(right, kind="stable")
    ends = [f"{after.true[i]} {right[i]:+.0f}" for i in (order[-1], order[0])]
    alt = (
        f"{candidate.row.classifier}, {row_name(candidate)} minus N = 0: the recall of {better} of {len(right)} "
        f"classes rises and of {worse} falls; most {ends[0]} and least {ends[1]} percentage points. Right of all "
        f"images: {before.accuracy:.3f} before, {after.accuracy:.3f} after.{in_full(after.predicted)}"
    )
    same = not why_never_paired(candidate, plain)
    tested = "the same test images" if same else "different test images, for the protocol divides anew for each N"
    caption = (
        f"Change in each cell's share of its row, in percentage points, both of {tested}; no interval. "
        f"{candidate.row.row} minus {plain.row.row}, {plotted.cells[0][0]}. {plotted.about([candidate, plain])}"
    )
    return Drawing(name, title, alt, caption, figure, tags)


def _published(plotted: PlottedSection, rows: Sequence[Candidate], figure_name: str, name: str) -> Drawing:
    """The study's matrix, with the verdict on our row that is nearest to it."""
    wanted = FIGURES[figure_name]
    near = [
        candidate for candidate in rows if (candidate.row.n_synthetic > 0) == (wanted.n > 0) and candidate.row.complete
    ]
    exact = [candidate for candidate in near if _is_the_studys(candidate, figure_name)]
    ours = next(iter([*exact, *(candidate for candidate in near if candidate in plotted.chosen), *near, *rows]))
    matrix = matrix_with_verdict(figure_name, [record for record, _ in ours.trials.values()], "test")
    verdict = matrix.notes[-1]
    title = f"Published, Fig. {figure_name.upper()}: {wanted.classifier}, " + (
        f"N = {wanted.n:,}" if wanted.n else "real images alone"
    )
    with styled():
        figure = matrix_figure(matrix, title, published=True)
    return Drawing(
        name,
        title,
        f"{title}: {_finding(matrix)} {verdict}",
        f"{_how(matrix)} {' '.join(matrix.notes)}",
        figure,
        (figure_name.upper(),),
    )


def whole_matrix(matrix: ConfusionMatrix, name: str) -> Drawing:
    """A matrix with its notes, and both numbers in every cell, on a page as wide as that needs."""
    notes = [*matrix.notes, f"{matrix.summary}; each cell: images, and percent of the row."]
    with styled():
        figure = matrix_figure(matrix, matrix.title, whole=True)
        lines = [line for note in notes for line in textwrap.wrap(note, int(figure.get_figwidth() / MM / 1.4))]
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=SMALL, color=FAINT)
        figure.set_figheight(figure.get_figheight() + len(lines) * LEGEND_LINE)
    alt = f"{_finding(matrix)}{in_full(matrix.predicted)}"
    return Drawing(name, matrix.title, alt, " ".join(notes), figure)


def matrix_figure(matrix: ConfusionMatrix, title: str, published: bool = False, whole: bool = False) -> Figure:
    """A matrix, shaded by the share of the row; in a cell its count, and below it its share in percent.

    Many classes leave room for one of these or none on a page, but where it may be as wide as the ``whole`` needs.
    """
    figure, axes = _empty(matrix, title, WHOLE_CELL if whole else CELL)
    n = 0 if whole else len(matrix.true)
    _shade(axes, matrix.shares, "Greys" if published else "Blues", n > SHARES)
    for i, j in zip(*np.nonzero(matrix.counts), strict=True):
        if n <= SHARES:
            share = f"{100 * matrix.shares[i, j]:.0f}" if matrix.shares[i, j] >= 0.005 else "<1"
            text = f"{matrix.counts[i, j]}\n{share} %" if n <= BOTH else share
            _cell(axes, int(i), int(j), text)
    _diagonal(axes, len(matrix.true))
    return figure


def change_figure(matrix: ConfusionMatrix, points: NDArray[np.float64], title: str) -> Figure:
    """Changes in percentage points, blue where a share rises and orange where it falls, with a sign in each cell."""
    from matplotlib.colors import LinearSegmentedColormap

    figure, axes = _empty(matrix, title)
    colours = LinearSegmentedColormap.from_list("change", ["#e08a3c", "#ffffff", "#5aa3d8"])
    reach = max(float(np.abs(points).max()), 1.0)
    axes.pcolormesh(points, cmap=colours, vmin=-reach, vmax=reach, edgecolors=GRID, linewidth=0.4)
    if len(matrix.true) <= SHARES:
        for i, j in zip(*np.nonzero(np.abs(points) >= 0.5), strict=True):
            _cell(axes, int(i), int(j), f"{points[i, j]:+.0f}".replace("-", "\N{MINUS SIGN}"))
    _diagonal(axes, len(matrix.true))
    return figure


def _empty(matrix: ConfusionMatrix, title: str, least: float = CELL) -> tuple[Figure, Axes]:
    """Axes with a square a cell, as large as the page's width allows and never less than ``least`` inches."""
    n, m = len(matrix.true), len(matrix.predicted)
    names = labels(matrix.predicted)
    beside = max(map(columns, names)) * 1.5 * MM + 14 * MM
    side = min(max((WIDTH - beside) / m, least), LARGEST_CELL if n > FEW else 2 * LARGEST_CELL)
    width = max(min(WIDTH, beside + m * side), NARROWEST)
    lines = textwrap.wrap(title, int(width / MM / 2))
    figure = new_figure(
        n * side + beside + (4 + 4 * len(lines)) * MM,
        max(width, beside + m * side) + (SCALE if n > SHARES else 0),
        "\n".join(lines),
    )
    axes = figure.subplots()
    axes.set_xlim(0, m)
    axes.set_ylim(n, 0)
    axes.set_aspect("equal", anchor="NW")
    name_ticks(axes.xaxis, [j + 0.5 for j in range(m)], names)
    name_ticks(axes.yaxis, [i + 0.5 for i in range(n)], names[:n])
    axes.tick_params(length=0)
    axes.tick_params(axis="x", rotation=90)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    return figure, axes


def shades(name: str, without_numbers: bool = False) -> Colormap:
    """From white to a colour that dark text stands out on; ``without_numbers`` darker."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps[name](np.linspace(0, 1.0 if without_numbers else 0.62, 256)))


def _shade(axes: Axes, values: NDArray[np.float64], name: str, without_numbers: bool) -> None:
    """Colour the cells by their shares; without numbers with a scale beside."""
    from matplotlib.colors import PowerNorm

    norm = PowerNorm(0.5 if without_numbers else 1.0, vmin=0, vmax=1)
    colours = shades(name, without_numbers)
    mesh = axes.pcolormesh(values, cmap=colours, norm=norm, edgecolors=GRID, linewidth=0.4)
    if without_numbers:
        axes.figure.colorbar(
            mesh,
            ax=axes,
            shrink=0.4,
            aspect=40,
            ticks=[0, 0.05, 0.2, 0.5, 1],
            label="share of the row (square-root shading)",
        )


def _cell(axes: Axes, i: int, j: int, text: str) -> None:
    axes.text(
        j + 0.5,
        i + 0.5,
        text,
        ha="center",
        va="center",
        fontsize=SMALL,
        linespacing=1.05,
        fontweight="bold" if i == j else "normal",
    )


def _diagonal(axes: Axes, n: int) -> None:
    from matplotlib.patches import Rectangle

    for i in range(n):
        axes.add_patch(Rectangle((i, i), 1, 1, fill=False, edgecolor=TEXT, linewidth=0.8))


def _matrix(plotted: PlottedSection, candidate: Candidate) -> ConfusionMatrix:
    return summed_matrix(candidate.section, candidate.row, list(candidate.trials.values()), plotted.cells[0][0])


def _finding(matrix: ConfusionMatrix) -> str:
    """Images, accuracy, macro F1, and the largest confusions."""
    off = matrix.shares.copy()
    np.fill_diagonal(off, 0.0)
    off[matrix.counts.sum(axis=1) == 0] = 0.0
    order = np.argsort(-off, axis=None, kind="stable")[:LARGEST]
    pairs = [np.unravel_index(flat, off.shape) for flat in order]
    confusions = [
        f"{matrix.true[i]} taken for {matrix.predicted[j]} {matrix.counts[i, j]} of {matrix.counts[i].sum()}"
        for i, j in pairs
        if off[i, j] > 0
    ]
    most = (
        f" Most often confused, by share of the class: {'; '.join(confusions)}."
        if confusions
        else " No image is taken for another class."
    )
    return f"{matrix.summary}.{most}"


def _how(matrix: ConfusionMatrix) -> str:
    n = len(matrix.true)
    cells = (
        "in a cell the images and below their percent of the row"
        if n <= BOTH
        else "in a cell the percent of the row"
        if n <= SHARES
        else f"without numbers for want of room, drawn wider than a page for its {n} labels"
    )
    return (
        "Confusion matrix, rows the true and columns the predicted class, shaded by share of the row, "
        f"{cells}; empty cells are 0."
    )


def _seeds(plotted: PlottedSection) -> str:
    seeds = plotted.section.seeds
    return f" and {len(seeds)} seeds, so that each image counts {len(seeds)} times" if len(seeds) > 1 else ""
