"""Galleries: synthetic images by class (Fig. S1) and by number of shots (S5 to S7), beside real ones if allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cytobench.analysis.comparison.candidates import Candidate
from cytobench.errors import UserError, option
from cytobench.reporting.figures.drawing import Drawing, Plan
from cytobench.reporting.figures.pictures import Rgb, Run, open_run
from cytobench.reporting.figures.section import PlottedSection, series_name
from cytobench.reporting.figures.style import MM, NORMAL, WIDTH, name_ticks, new_figure, styled
from cytobench.reporting.figures.text import columns, in_full, labels, shortened, slug

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACROSS, BESIDE, A_COUNT = 8, 2, 3
"""Images of a class: synthetic, real beside them, and of each number of shots."""
TILE, GAP = 148, 0.04
"""The most pixels of an image's side, 12.5 mm at 300 dpi, and the white between two as a share of it."""
LARGEST, LEAST = 13 * MM, 5 * MM
"""Side of an image in print."""
BETWEEN = 0.3
"""Space between groups of columns, in images."""
BY_CLASS, BY_SHOTS = ("S1",), ("S5", "S6", "S7")

Group = tuple[str, Mapping[str, Sequence[Rgb]], int]
"""A heading, images by class, and how many columns they take."""


def gallery_plans(
    plotted: PlottedSection, store: Path | None, real: bool, say: Callable[[str], None]
) -> Iterator[Plan]:
    """For each generator one figure by class, and one by shots where it was tuned on several numbers of them."""
    for folder in plotted.folders:
        rows = _rows(plotted, folder)
        if not rows:
            continue
        root = store or folder / "store"
        if not root.is_dir():
            again = f"`cytobench run` with the same settings and {option('rebuild', True)} makes its images again"
            way_out = f"Name it with {option('store')}; {again}."
            say(f"There is no gallery of {folder}: its store {root} is not here. {way_out}")
            continue
        for ordered in rows.values():
            for candidate in ordered:
                name = slug("gallery", candidate.row.generator, f"s{candidate.row.shots}") + plotted.suffix
                yield Plan(name, "gallery", BY_CLASS, partial(_by_class, plotted, candidate, folder, root, real))
            if len(ordered) > 1 and not ordered[0].row.tuned_elsewhere:
                name = slug("shots", ordered[0].row.generator) + plotted.suffix
                yield Plan(name, "gallery", BY_SHOTS, partial(_by_shots, plotted, ordered, folder, root, real))


def _rows(plotted: PlottedSection, folder: Path) -> dict[str, list[Candidate]]:
    """Of each generator a row for each number of shots, the one with most images, by shots; of this folder alone."""
    by_generator: dict[str, dict[int, Candidate]] = {}
    for candidate in plotted.rows:
        in_folder = any(file.parent.parent == folder for _, file in candidate.trials.values())
        if candidate.row.n_synthetic and in_folder:
            by_shots = by_generator.setdefault(candidate.row.generator, {})
            before = by_shots.get(candidate.row.shots)
            if before is None or candidate.row.n_synthetic > before.row.n_synthetic:
                by_shots[candidate.row.shots] = candidate
    return {name: [by_shots[shots] for shots in sorted(by_shots)] for name, by_shots in sorted(by_generator.items())}


def _opened(candidate: Candidate, folder: Path, store: Path) -> Run:
    return open_run(folder, store, min(where.fold for where in candidate.trials), candidate.first.dtype)


def _by_class(
    plotted: PlottedSection, candidate: Candidate, folder: Path, store: Path, real: bool, name: str
) -> Drawing:
    run = _opened(candidate, folder, store)
    _check(candidate, run, real)
    control = candidate.first.gives_back_shots
    groups: list[Group] = [("control" if control else "synthetic", _images(run, candidate, ACROSS), ACROSS)]
    beside = ""
    if real or run.shows_real:
        beside = ", beside real test images"
        if candidate.row.shots and not candidate.row.tuned_elsewhere:
            groups.insert(0, ("shots", run.shots(candidate, BESIDE), BESIDE))
            beside += " and shots"
        groups.insert(0, ("real, test", run.tested(candidate, BESIDE), BESIDE))
    what = "Images, not synthetic ones," if control else "Synthetic images"
    title = f"{what} of {shortened(series_name(candidate), 60)}"
    with styled():
        figure = _sheet(groups, title)
    classes = list(groups[-1][1])
    n = candidate.row.n_synthetic
    what = f"the first {min(ACROSS, n)} of {n:,} a class for {len(classes)} classes{beside}"
    alt = f"{title}: {what}. {_measured(plotted, candidate)}{in_full(classes)}"
    return Drawing(
        name, title, alt, f"{_how(run, candidate)} {plotted.about([candidate])}{_few(candidate)}", figure, BY_CLASS
    )


def _by_shots(
    plotted: PlottedSection, rows: Sequence[Candidate], folder: Path, store: Path, real: bool, name: str
) -> Drawing:
    run = _opened(rows[0], folder, store)
    for candidate in rows:
        _check(candidate, run, real)
    groups: list[Group] = [(_shots(candidate), _images(run, candidate, A_COUNT), A_COUNT) for candidate in rows]
    if real or run.shows_real:
        groups.insert(0, ("real, test", run.tested(rows[0], BESIDE), BESIDE))
    title = f"Images of {shortened(rows[0].row.generator, 40)} by number of shots"
    with styled():
        figure = _sheet(groups, title)
    classes = list(groups[-1][1])
    counts = ", ".join(str(candidate.row.shots) for candidate in rows)
    measured = " ".join(_measured(plotted, candidate) for candidate in rows)
    each = min(A_COUNT, *(candidate.row.n_synthetic for candidate in rows))
    what = f"{each} images of each of {len(classes)} classes from {counts} shots"
    alt = f"{title}: {what}. {measured}{in_full(classes)}"
    same = _same_noise(run, rows[0])
    caption = f"{same}{_how(run, rows[0])} {plotted.about(rows)}{''.join(map(_few, rows))}"
    return Drawing(name, title, alt, caption, figure, BY_SHOTS)


def _images(run: Run, candidate: Candidate, most: int) -> dict[str, list[Rgb]]:
    """A row's images by class. Raises UserError where all of them are copies of real ones."""
    images = run.synthetic(candidate, most)
    if not any(images.values()):
        raise UserError(f"there is nothing to show of {candidate.row.row}: all its images are copies of real ones.")
    return images


def _shots(candidate: Candidate) -> str:
    return f"{candidate.row.shots} shot{'s' if candidate.row.shots > 1 else ''}"


def _same_noise(run: Run, candidate: Candidate) -> str:
    """What images at one place have in common, unless the generator makes none from noise."""
    same = "Images at the same place in each group are of the same seed. "
    return same if run.generator(candidate).offer.spec.seeded else ""


def _check(candidate: Candidate, run: Run, real: bool) -> None:
    """Raise UserError where a row's synthetic images are real ones that must not be shown."""
    why = run.why_private(candidate)
    if why and not real:
        raise UserError(
            f"images of {candidate.row.row} may be real ones of a data set that is not public ({why}). "
            f"Allow it with {option('with_real_images')}."
        )


def _sheet(groups: Sequence[Group], title: str) -> Figure:
    """A row a class, a column an image, the groups apart."""
    classes = list(groups[-1][1])
    names = labels(classes)
    starts = [sum(width + BETWEEN for _, _, width in groups[:i]) for i in range(len(groups))]
    across = starts[-1] + groups[-1][2]
    beside = max(map(columns, names)) * 1.5 * MM + 6 * MM
    side = max(min((WIDTH - beside) / across, LARGEST), LEAST)
    canvas = _canvas(groups, starts, classes)
    figure = new_figure(len(classes) * side + 20 * MM, max(beside + across * side, 100 * MM), title)
    axes = figure.subplots()
    axes.imshow(canvas, extent=(0, across, len(classes), 0), interpolation="none", aspect="equal")
    axes.set_anchor("NW")
    name_ticks(axes.yaxis, [row + 0.5 for row in range(len(classes))], names)
    axes.set_xticks(
        [start + width / 2 for start, (_, _, width) in zip(starts, groups, strict=True)],
        [heading for heading, _, _ in groups],
        fontsize=NORMAL,
    )
    axes.tick_params(length=0, top=False, bottom=False, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    return figure


def _canvas(groups: Sequence[Group], starts: Sequence[float], classes: Sequence[str]) -> Rgb:
    """All images on white, none larger than it is: figures of small ones stay small."""
    shapes = [pixels.shape[:2] for _, images, _ in groups for of_class in images.values() for pixels in of_class]
    inner = min(TILE, max((max(shape) for shape in shapes), default=TILE))
    gap = max(1, round(GAP * inner))
    side = inner + gap
    across = round((starts[-1] + groups[-1][2]) * side)
    canvas = np.full((len(classes) * side, across, 3), 255, dtype=np.uint8)
    for start, (_, images, width) in zip(starts, groups, strict=True):
        for row, label in enumerate(classes):
            for column, pixels in enumerate(list(images.get(label, ()))[:width]):
                tile = _tile(pixels, inner)
                top, left = row * side + gap // 2, round((start + column) * side) + gap // 2
                canvas[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return canvas


def _tile(pixels: Rgb, side: int) -> Rgb:
    """An image whose longer side has so many pixels."""
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def _measured(plotted: PlottedSection, candidate: Candidate) -> str:
    """What was measured of these images: KID beside its floor, and whether copies of the shots were found."""
    row = candidate.row
    wanted = row.generator, row.shots, row.n_synthetic
    for table in plotted.section.fidelity:
        named = [
            fidelity for fidelity in table.rows if (fidelity.generator, fidelity.shots, fidelity.n_synthetic) == wanted
        ]
        if len(named) > 1:  # of several settings
            named = [fidelity for fidelity in named if fidelity.settings == row.settings]
        for fidelity in named:
            kid, floor = fidelity.aggregates.get("kid"), fidelity.aggregates.get("floor_kid")
            if kid is not None and kid.mean is not None:
                halves = "" if floor is None or floor.mean is None else f"{floor.mean:.4f}"
                beside = f", between halves of the real images {halves}" if halves else ""
                tuned = "Tuned elsewhere" if row.tuned_elsewhere else f"From {row.shots} shots"
                return f"{tuned}: KID {kid.mean:.4f} by {table.extractor}{beside}."
    return "Their fidelity was not measured."


def _how(run: Run, candidate: Candidate) -> str:
    return (
        f"Images in the order of their index, none picked, of fold {run.number}, seed {run.planner.seed}, from the "
        f"run's store; {candidate.row.generator} ran as {candidate.row.generator_ran}."
    )


def _few(candidate: Candidate) -> str:
    return f" Fewer shots than asked for: {candidate.row.shortfall}." if candidate.row.shortfall else ""
