"""Fidelity by class, the number of images at each bar; and the study's Fig. S8."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from cytobench.analysis.comparison.candidates import Candidate
from cytobench.analysis.leaderboard.model import Aggregate, Replicate
from cytobench.analysis.leaderboard.rows import aggregate
from cytobench.analysis.published import published_fids
from cytobench.reporting.figures.drawing import Drawing, Plan
from cytobench.reporting.figures.section import PlottedSection, series_name
from cytobench.reporting.figures.style import (
    COLOURS,
    FAINT,
    FILLS,
    MM,
    SMALL,
    TEXT,
    WIDTH,
    grid,
    legend_below,
    name_ticks,
    new_figure,
    styled,
)
from cytobench.reporting.figures.text import in_full, labels, listed, shortened, slug
from cytobench.storage.records import FidelityFigure, FidelityFigures, FidelityUsed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMES = {"kid": "KID", "fid": "FID"}
DIGITS = {"kid": 3, "fid": 1}
TAG = "S8"


@dataclass(frozen=True)
class Bar:
    """A figure of one class over the folds; ``mean`` is None where a fold has too few images for it."""

    mean: float | None
    spread: tuple[float, float] | None
    """The bar's ends: mean and SD over folds, or the interval of the one fold."""
    floor: float | None
    """The same between halves of the real images."""
    images: str
    """Real and synthetic images a fold, ``5 and 20``."""


def fidelity_plans(plotted: PlottedSection) -> Iterator[Plan]:
    """For each extractor, generator and number of shots one figure, of the most synthetic images; then Fig. S8."""
    widest: dict[tuple[str, str, str, int], tuple[Candidate, Mapping[Replicate, FidelityUsed]]] = {}
    for candidate in plotted.rows:
        for extractor, measured in _measured(candidate).items():
            key = extractor, candidate.row.generator, candidate.row.settings, candidate.row.shots
            before = widest.get(key)
            if before is None or candidate.row.n_synthetic > before[0].row.n_synthetic:
                widest[key] = candidate, measured
    for (extractor, *_), (candidate, used) in widest.items():
        row = candidate.row
        name = slug("fidelity", extractor, row.generator, f"s{row.shots}", f"n{row.n_synthetic}") + plotted.suffix
        yield Plan(name, "fidelity", (TAG,), partial(_draw, plotted, candidate, used))
    if widest:
        yield Plan(f"published-s8{plotted.suffix}", "fidelity", (TAG,), _published)


def _measured(candidate: Candidate) -> dict[str, dict[Replicate, FidelityUsed]]:
    """What each extractor measured, by place; only where every finished fold has it."""
    by_extractor: dict[str, dict[Replicate, FidelityUsed]] = {}
    for where, (record, _) in sorted(candidate.trials.items()):
        for used in record.fidelity:
            by_extractor.setdefault(used.extractor.name, {})[where] = used
    return {name: replicates for name, replicates in by_extractor.items() if len(replicates) == len(candidate.trials)}


def _draw(
    plotted: PlottedSection, candidate: Candidate, measured: Mapping[Replicate, FidelityUsed], name: str
) -> Drawing:
    classes = [
        label for label in candidate.first.dataset.labels if any(label in used.classes for used in measured.values())
    ]
    bars = {
        which: {
            label: _bar(
                which, [(where, used.classes[label]) for where, used in measured.items() if label in used.classes]
            )
            for label in classes
        }
        for which in NAMES
    }
    shown_figures = [which for which in NAMES if any(bar.mean is not None for bar in bars[which].values())] or ["kid"]
    extractor = next(iter(measured.values())).extractor.name
    title = f"Fidelity of {shortened(series_name(candidate), 40)} by class, by {shortened(extractor, 30)}"
    with styled():
        figure = new_figure((26 + 6.0 * len(classes)) * MM, WIDTH, title)
        panels = figure.subplots(1, len(shown_figures), sharey=True, squeeze=False)[0]
        handles: dict[str, object] = {}
        for axes, which in zip(panels, shown_figures, strict=True):
            handles |= _panel(axes, bars[which], which)
        name_ticks(panels[0].yaxis, range(len(classes)), labels(classes))
        panels[0].set_ylim(len(classes) - 0.4, -0.6)
        legend_below(figure, handles)
    alt = f"{title}, N = {candidate.row.n_synthetic:,}. {_finding(bars)}{in_full(classes)}"
    caption = (
        f"{_how(candidate, extractor, shown_figures, len(measured) > 1)} {_lacking(bars)}{plotted.about([candidate])}"
    )
    return Drawing(name, title, alt, caption, figure, (TAG,))


def _how(candidate: Candidate, extractor: str, figures: Sequence[str], several: bool) -> str:
    names = " and ".join(NAMES[which] for which in figures)
    ends = "mean over folds, with the sample SD over folds" if several else "with the 95 % interval of the one fold"
    return (
        f"{names} between synthetic images and the real test images of each class (less is nearer), features of "
        f"{extractor}, N = {candidate.row.n_synthetic:,}. Bars: {ends}. Beside each bar: real and synthetic images"
        f"{' a fold' if several else ''}. Diamond: the same between halves of the real images, the floor. FID depends "
        "on the number of images: bars with other numbers do not compare."
    )


def _lacking(bars: Mapping[str, Mapping[str, Bar]]) -> str:
    """Of how many classes a figure could not be measured."""
    left = {which: sum(bar.mean is None for bar in by_class.values()) for which, by_class in bars.items()}
    return "".join(
        f"{NAMES[which]} of {number} of {len(bars[which])} classes: too few images. "
        for which, number in left.items()
        if number
    )


def _bar(which: str, figures: Sequence[tuple[Replicate, FidelityFigures]]) -> Bar:
    values: dict[Replicate, FidelityFigure | None] = {where: getattr(measured, which) for where, measured in figures}
    known = {where: figure for where, figure in values.items() if figure is not None}
    floors = {where: getattr(measured.floor, which) for where, measured in figures if measured.floor is not None}
    floor = aggregate({where: value for where, value in floors.items() if value is not None}).mean
    images = " and ".join(
        _range([getattr(measured, side) for _, measured in figures]) for side in ("n_real", "n_synthetic")
    )
    if not known or len(known) < len(values):
        return Bar(None, None, floor, images)
    summary = aggregate({where: figure.value for where, figure in known.items()})
    return Bar(summary.mean, _ends(summary, list(known.values())), floor, images)


def _ends(summary: Aggregate, known: Sequence[FidelityFigure]) -> tuple[float, float] | None:
    if summary.mean is not None and summary.std is not None:
        return summary.mean - summary.std, summary.mean + summary.std
    first = known[0]
    return None if len(known) > 1 or first.low is None or first.high is None else (first.low, first.high)


def _panel(axes: Axes, bars: Mapping[str, Bar], which: str) -> dict[str, object]:
    """The bars of one figure, each with its images at the right margin; returns what stands in the legend."""
    handles: dict[str, object] = {}
    for position, bar in enumerate(bars.values()):
        if bar.mean is not None:
            look: dict[str, Any] = {"color": FILLS[2], "edgecolor": TEXT, "linewidth": 0.5}
            handles["synthetic against real"] = axes.barh(position, bar.mean, 0.6, **look)
        if bar.spread is not None:
            axes.plot(bar.spread, [position, position], color=TEXT, linewidth=0.9, marker="|", markersize=4)
        if bar.floor is not None:
            look = {"marker": "D", "color": COLOURS[1], "linestyle": "", "markersize": 4, "markeredgecolor": "white"}
            handles["halves of the real images (floor)"] = axes.plot([bar.floor], [position], **look)[0]
        text, colour = (f"n = {bar.images}", TEXT) if bar.mean is not None else (f"too few: {bar.images}", FAINT)
        at_margin = axes.get_yaxis_transform()
        axes.text(1.02, position, text, va="center", fontsize=SMALL, color=colour, transform=at_margin)
    axes.axvline(0, color=FAINT, linewidth=0.6)
    axes.margins(x=0.06)
    axes.set_xlabel(NAMES[which])
    axes.tick_params(axis="y", length=0)
    grid(axes, "x")
    return handles


def _finding(bars: Mapping[str, Mapping[str, Bar]]) -> str:
    """The nearest and the farthest class of each figure, and which have too few images."""
    sentences = []
    for which, by_class in bars.items():
        known = {label: bar for label, bar in by_class.items() if bar.mean is not None}
        if not known:
            sentences.append(f"{NAMES[which]}: too few images in every class.")
            continue
        ends = (
            min(known, key=lambda label: known[label].mean or 0),
            max(known, key=lambda label: known[label].mean or 0),
        )
        texts = [_bar_text(label, known[label], which) for label in dict.fromkeys(ends)]
        few = [label for label in by_class if label not in known]
        rest = f"; too few images in {listed(few, 4)}" if few else ""
        sentences.append(f"{NAMES[which]}: nearest {' and farthest '.join(texts)}{rest}.")
    return " ".join(sentences)


def _bar_text(label: str, bar: Bar, which: str) -> str:
    digits = DIGITS[which]
    floor = "" if bar.floor is None else f", floor {bar.floor:.{digits}f}"
    return f"{label} {bar.mean:.{digits}f} (n = {bar.images}{floor})"


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _published(name: str) -> Drawing:
    fids = published_fids()
    title = "Published, Fig. S8: FID of the classes with over 1,000 real images"
    with styled():
        figure = new_figure(58 * MM, WIDTH, title)
        axes = figure.subplots()
        axes.barh(range(len(fids)), [fid for _, fid, _ in fids], 0.6, color=FILLS[3], edgecolor=TEXT, linewidth=0.5)
        for position, (_, fid, images) in enumerate(fids):
            axes.text(fid, position, f"  {fid:g} (n = {images:,})", va="center", fontsize=SMALL)
        axes.set_yticks(range(len(fids)), [label for label, _, _ in fids])
        axes.set_ylim(len(fids) - 0.4, -0.6)
        axes.set_xlim(0, max(fid for _, fid, _ in fids) * 1.2)
        axes.set_xlabel("FID")
        axes.tick_params(axis="y", length=0)
        grid(axes, "x")
    bars = "; ".join(f"{label} {fid:g} of {images:,} images" for label, fid, images in fids)
    caption = (
        "FID of the CytoDiff study (arXiv 2507.05063), as published, without intervals. The numbers of images differ "
        "from bar to bar, and FID depends on them: the bars compare neither with each other nor with a FID of other "
        "numbers of images or another extractor."
    )
    return Drawing(name, title, f"{title}: {bars}.", caption, figure, (TAG,))
