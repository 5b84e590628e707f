"""Confusion matrices as one SVG: no script, no font and no image loaded, every text escaped, numbers as text."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from xml.sax.saxutils import escape

from cytobench.metrics.confusion import ConfusionMatrix

CELL = 46
"""Side of a cell in pixels: five digits fit."""
CHARACTER = 7.0
"""Width of a letter of 13 px, generously; names are measured with it."""
MARGIN = 24
LINE = 17
DARKEST = (111, 170, 220)
"""The colour of a whole row in one cell; dark text on it has a contrast of 7 to 1 (WCAG AAA)."""
TEXT = "#14141a"
FAINT = "#55555f"


def to_svg(matrices: Sequence[ConfusionMatrix]) -> str:
    """One panel below the other."""
    panels, height, width = [], float(MARGIN), 0.0
    for matrix in matrices:
        body, wide, high = _panel(matrix)
        panels.append(f'<g transform="translate({MARGIN},{height:.0f})">\n{body}\n</g>')
        height += high + MARGIN
        width = max(width, wide)
    width += 2 * MARGIN
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    font = 'font-family="system-ui, Helvetica, Arial, sans-serif" font-size="13"'
    paper = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>', paper, *panels, "</svg>", ""])


def _panel(matrix: ConfusionMatrix) -> tuple[str, float, float]:
    """The elements of a matrix with its upper left corner at 0, 0, and its width and height."""
    left = max(_width(label) for label in matrix.true) + 28  # beside "true class", which is set upright
    grid = CELL * len(matrix.predicted)
    width = left + max(grid, 24 * CHARACTER)
    lines = _folded([*matrix.notes, matrix.summary + "; each cell: images, and percent of the row"], width)
    up = max(_width(label) for label in matrix.predicted)
    top = 26 + LINE * len(lines) + 34 + up
    parts = [_text(0, 14, matrix.title, 'font-size="16" font-weight="600"')]
    parts += [_text(0, 36 + LINE * i, line, f'fill="{FAINT}"') for i, line in enumerate(lines)]
    parts.append(_text(left + grid / 2, top - up - 18, "predicted class", f'text-anchor="middle" fill="{FAINT}"'))
    middle = top + CELL * len(matrix.true) / 2
    parts.append(_text(10, middle, "true class", _upright(10, middle) + f' text-anchor="middle" fill="{FAINT}"'))
    for j, label in enumerate(matrix.predicted):
        x, y = left + CELL * (j + 0.5) + 4, top - 8
        parts.append(_text(x, y, label, _upright(x, y)))
    for i, label in enumerate(matrix.true):
        parts.append(_text(left - 8, top + CELL * (i + 0.5) + 4, label, 'text-anchor="end"'))
    parts += _cells(matrix, left, top)
    return "\n".join(parts), width, top + CELL * len(matrix.true)


def _cells(matrix: ConfusionMatrix, left: float, top: float) -> list[str]:
    parts = []
    shares = matrix.shares
    for i in range(len(matrix.true)):
        for j in range(len(matrix.predicted)):
            x, y, number, share = left + CELL * j, top + CELL * i, int(matrix.counts[i, j]), float(shares[i, j])
            edge = 'stroke="#14141a" stroke-width="1.5"' if i == j else 'stroke="#dcdce2"'
            place = f'x="{x:.1f}" y="{y:.1f}" width="{CELL - 2}" height="{CELL - 2}"'
            parts.append(f'<rect {place} fill="{_colour(share)}" {edge}/>')
            if number:
                centre = x + CELL / 2 - 1
                percent = f"{100 * share:.0f} %" if share >= 0.005 else "<1 %"
                parts.append(_text(centre, y + 20, str(number), 'text-anchor="middle"'))
                parts.append(_text(centre, y + 35, percent, 'text-anchor="middle" font-size="10"'))
    return parts


def _colour(share: float) -> str:
    """From white to ``DARKEST``."""
    return "#" + "".join(f"{round(255 + (end - 255) * share):02x}" for end in DARKEST)


def _text(x: float, y: float, text: str, attributes: str) -> str:
    fill = "" if "fill=" in attributes else f' fill="{TEXT}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}{fill}>{escape(text)}</text>'


def _upright(x: float, y: float) -> str:
    return f'transform="rotate(-90 {x:.1f} {y:.1f})"'


def _width(label: str) -> float:
    return CHARACTER * len(label)


def _folded(sentences: Sequence[str], width: float) -> list[str]:
    return [line for sentence in sentences for line in wrap(sentence, max(24, int(width / CHARACTER)))]
