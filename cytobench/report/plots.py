"""The plots of :mod:`cytobench.figures`, by section and topic, as pictures of a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from cytobench.errors import UserError
from cytobench.figures import svg
from cytobench.figures.draw import plans
from cytobench.figures.drawing import Plan
from cytobench.report.view import FigureView, Media

EACH = 6
"""Plots of one topic in a section, at most."""
IN_A_FOLDER, IN_A_FILE = 8_000_000, 1_000_000
"""Bytes of all plots of a page: of a folder, where they load when they come into view, and of a file."""
_SECTION = re.compile(r"-section(\d+)")
_WORDS = {
    "curves": ("curve", "gain"),
    "confusion": ("confusion", "published"),
    "classes": ("class",),
    "fidelity": ("fidelity", "fid", "kid", "copying", "pairs"),
    "cost": ("cost", "time", "price", "hours"),
}
"""How the name of a plot begins, by topic."""
_ELSEWHERE = ("gallery", "samples", "training")
"""Plots that the page shows in another way, or that are details of a training."""


def plots(
    folders: Sequence[Path], about: Sequence[str], media: Media, say: Callable[[str], None]
) -> dict[int, dict[str, list[FigureView]]]:
    """The plots by the number of their section (from 1, of those that have a finished trial) and by topic.

    Where there are too many, those come first whose names have more of the words that the page is ``about``. ``say`` is
    told what is left out and why.
    """
    found: dict[int, dict[str, list[FigureView]]] = {}
    left, left_out = (IN_A_FILE if media.single else IN_A_FOLDER), 0
    for plan in sorted(plans(folders, False, say), key=lambda plan: -sum(word in plan.name for word in about)):
        topic = topic_of(plan.name)
        if topic is None:
            continue
        there = found.setdefault(_section(plan), {}).setdefault(topic, [])
        if len(there) >= EACH or left <= 0:
            left_out += 1
            continue
        try:
            drawing = plan.draw()
        except UserError as error:
            say(f"the plot {plan.name} is left out: {error}")
            continue
        picture = svg(drawing).encode("utf-8")
        left -= len(picture)
        there.append(FigureView(media.add(picture, "svg"), drawing.title, drawing.alt, drawing.caption))
    if left_out:
        say(f"{left_out} plots are left out, so that the page stays small: cytobench figures draws them all.")
    return found


def topic_of(name: str) -> str | None:
    """What a plot is about, by its name; None for what the page shows otherwise."""
    if name.startswith(_ELSEWHERE):
        return None
    return next((topic for topic, words in _WORDS.items() if name.startswith(words)), "curves")


def _section(plan: Plan) -> int:
    found = _SECTION.search(plan.name)
    return int(found.group(1)) if found else 1
