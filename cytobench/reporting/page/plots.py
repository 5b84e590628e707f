"""The plots of :mod:`cytobench.reporting.figures`, by section and topic, as pictures of a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cytobench.errors import CytobenchError
from cytobench.reporting.figures import Drawing, svg
from cytobench.reporting.figures.draw import record_plans
from cytobench.reporting.figures.section import PlottedSection
from cytobench.reporting.page.gather import Group
from cytobench.reporting.page.media import Media
from cytobench.reporting.page.view import FigureView

EACH = 6
"""Plots of one topic in a section, at most."""
IN_A_FOLDER, IN_A_FILE = 8_000_000, 1_000_000
"""Bytes of all plots of a page: of a folder, where they load when they come into view, and of a file."""
_PIXELS = 96
"""CSS pixels of an inch."""


def plots(
    groups: Sequence[Group], about: Sequence[str], media: Media, say: Callable[[str], None]
) -> list[dict[str, list[FigureView]]]:
    """The plots of each section by topic, from its records and predictions.

    Where there are too many, those come first whose names have more of the words that the page is ``about``. ``say`` is
    told what is left out and why.
    """
    figures: list[dict[str, list[FigureView]]] = [{} for _ in groups]
    every = [
        (number, plan)
        for number, group in enumerate(groups)
        if group.candidates
        for plan in record_plans(PlottedSection(tuple(group.candidates)))
    ]
    left, left_out = (IN_A_FILE if media.single else IN_A_FOLDER), 0
    for number, plan in sorted(every, key=lambda pair: -sum(word in pair[1].name for word in about)):
        of_topic = figures[number].setdefault(plan.topic, [])
        if len(of_topic) >= EACH or left <= 0:
            left_out += 1
            continue
        try:
            drawing = plan.draw(plan.name)
        except CytobenchError as error:
            say(f"the plot {plan.name} is left out: {error}")
            continue
        picture = svg(drawing).encode("utf-8")
        left -= len(picture)
        of_topic.append(
            FigureView(media.add(picture, "svg"), drawing.title, drawing.alt, drawing.caption, _size(drawing))
        )
    if left_out:
        say(f"{left_out} plots are left out, so that the page stays small: cytobench figures draws them all.")
    return figures


def _size(drawing: Drawing) -> tuple[int, int]:
    width, height = drawing.figure.get_size_inches() * _PIXELS
    return round(width), round(height)
