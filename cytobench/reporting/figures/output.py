"""Drawings as SVG, whose text is text, and as PNG; the same drawing gives the same bytes."""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cytobench.reporting.figures.drawing import Drawing
from cytobench.reporting.figures.style import LEGEND_LINE, fonts, layout_engine, styled
from cytobench.reporting.figures.text import without_glyph

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

DPI = 300
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
ET.register_namespace("", _SVG)
ET.register_namespace("xlink", _XLINK)


def svg(drawing: Drawing) -> str:
    """One ``<svg>`` element with title and description, without script, date, or anything to load.

    Every id begins with the drawing's name and every style rule holds within it, so that several can stand in one
    page. Text is text, which a reader's own fonts set.
    """
    buffer = io.BytesIO()
    with styled(), _no_word_of_glyphs():
        _settle(drawing.figure)
        drawing.figure.savefig(
            buffer, format="svg", metadata={key: None for key in ("Date", "Creator", "Format", "Type")}
        )
    root = ET.fromstring(buffer.getvalue())
    _scope(root, drawing.name)
    title, description = ET.Element(f"{{{_SVG}}}title"), ET.Element(f"{{{_SVG}}}desc")
    title.text, description.text = drawing.title, drawing.alt
    title.set("id", f"{drawing.name}-title")
    description.set("id", f"{drawing.name}-desc")
    root.insert(0, title)
    root.insert(1, description)
    root.set("role", "img")
    root.set("aria-labelledby", f"{drawing.name}-title {drawing.name}-desc")
    return ET.tostring(root, encoding="unicode") + "\n"


def stacked_svg(drawings: Sequence[Drawing]) -> str:
    """Several drawings as one picture, one below the other; one alone as :func:`svg` has it."""
    if len(drawings) == 1:
        return svg(drawings[0])
    whole = ET.Element(f"{{{_SVG}}}svg")
    width = top = 0.0
    for drawing in drawings:
        root = ET.fromstring(svg(drawing))
        wide, high = (float(side) for side in root.attrib["viewBox"].split()[2:])
        root.attrib.update(y=f"{top:g}", width=f"{wide:g}", height=f"{high:g}")  # in the units of the whole
        whole.append(root)
        width, top = max(width, wide), top + high
    whole.attrib.update(width=f"{width:g}pt", height=f"{top:g}pt", viewBox=f"0 0 {width:g} {top:g}")
    return ET.tostring(whole, encoding="unicode") + "\n"


def png(drawing: Drawing, dpi: int = DPI) -> bytes:
    """The picture; alt text and caption are in its text chunks. What no font has is numbered: see missing_glyphs."""
    buffer = io.BytesIO()
    metadata = {"Software": None, "Title": drawing.title, "Description": drawing.alt, "Comment": drawing.caption}
    with styled(), _no_word_of_glyphs(), _numbered(drawing.figure):
        drawing.figure.savefig(buffer, format="png", dpi=dpi, metadata=metadata)
    return buffer.getvalue()


def missing_glyphs(drawing: Drawing) -> str:
    """The characters of a drawing's texts that no font here has, each once; empty if there are none."""
    with styled(), _no_word_of_glyphs():
        found = "".join(without_glyph(text.get_text(), fonts()) for text in _texts(drawing.figure))
    return "".join(dict.fromkeys(found))


def _scope(root: ET.Element, name: str) -> None:
    """Put the drawing's name before every id and every reference to one, and its root before every style rule."""
    root.set("id", f"{name}-svg")
    for element in root.iter():
        for key, value in list(element.attrib.items()):
            if key == "id" and element is not root:
                element.set(key, f"{name}-{value}")
            elif key == f"{{{_XLINK}}}href" and value.startswith("#"):
                element.set(key, f"#{name}-{value[1:]}")
            elif "url(#" in value:
                element.set(key, value.replace("url(#", f"url(#{name}-"))
        if element.tag == f"{{{_SVG}}}style":
            selector = f"[id='{name}-svg'] *"
            element.text = re.sub(r"^\*(?=\{)", selector, (element.text or "").strip())


def _settle(figure: Figure) -> None:
    """Lay the figure out, once: a layout depends on the resolution, and on the layout before."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


@contextmanager
def _numbered(figure: Figure) -> Iterator[None]:
    """What no font has is written as a number in brackets meanwhile, the same for the same words; the title says so."""
    from matplotlib.ticker import FixedFormatter

    _settle(figure)
    numbers: dict[str, str] = {}

    def numbered(words: str) -> str:
        missing = without_glyph(words, fonts())
        if not missing:
            return words
        runs = rf"[{re.escape(missing)}]+"
        return re.sub(runs, lambda found: numbers.setdefault(found.group(), f"[{len(numbers) + 1}]"), words)

    # The texts of ticks are set anew from their formatter whenever a figure is drawn.
    axes = [axis for one in figure.axes for axis in (one.yaxis, one.xaxis)]
    ticks = [(axis, axis.get_major_formatter()) for axis in axes]
    texts = [(text, text.get_text(), text.get_position()) for text in _texts(figure)]
    places = [(one, one.get_position(original=True)) for one in figure.axes]
    height = figure.get_figheight()
    for axis, formatter in ticks:
        if isinstance(formatter, FixedFormatter):
            axis.set_major_formatter(FixedFormatter([numbered(words) for words in formatter.seq]))
    for text, words, _ in texts:
        text.set_text(numbered(words))
    try:
        if numbers:
            note = "In brackets: words that no font here has; the SVG has them."
            figure.suptitle(f"{figure.get_suptitle()}\n{note}", x=0.01, ha="left", fontweight="bold")
            figure.set_figheight(height + LEGEND_LINE)
            figure.set_layout_engine(layout_engine())
            _settle(figure)
        yield
    finally:
        figure.set_figheight(height)
        for axis, formatter in ticks:
            axis.set_major_formatter(formatter)
        for text, words, place in texts:
            text.set_text(words)
            text.set_position(place)
        for one, where in places:
            one.set_position(where)
            one.set_in_layout(True)


def _texts(figure: Figure) -> list[Text]:
    from matplotlib.text import Text

    figure.draw_without_rendering()  # tick labels have their texts only then
    return [one for one in figure.findobj(Text) if isinstance(one, Text) and one.get_text()]


@contextmanager
def _no_word_of_glyphs() -> Iterator[None]:
    """Without matplotlib's warning of each glyph: an SVG needs none of this machine, and a PNG says it itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
        yield
