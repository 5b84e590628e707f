"""How figures look: sizes, colours, markers and hatches that stay apart in greyscale and for the colour-blind.

The colours are of Okabe and Ito's palette (Color Universal Design, 2008), those that are too light on white darkened:
every one has a contrast of at least 3 to 1, which WCAG 2.1 (1.4.11) asks of graphics, every text one of at least 4.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from cytobench.reporting.figures.text import columns, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

MM = 1 / 25.4
"""Inches."""
WIDTH = 180 * MM
"""The width of a page's text in inches."""
SMALL, NORMAL, LARGE = 7.0, 7.5, 8.5
"""Sizes of text in points; none is smaller."""
TEXT = "#14141a"
FAINT = "#55555f"
GRID = "#dcdce2"
LEGEND_LINE = 3.7 * MM
"""Height of a line of the legend, which is added to the figure's."""
APART = 1.1 * MM
"""How far series stand apart at one place."""
COLOURS = ("#0072b2", "#d04f00", "#00805d", "#9c3f7a", "#7a5a00", "#14141a")
MARKERS = ("o", "s", "^", "D", "v", "P")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
FILLS = ("#0072b2", "#f2c48d", "#7fbfa9", "#e6e6ea")
HATCHES = ("", "////", "....", "")
CJK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
)
"""Fonts with Chinese glyphs, tried in this order where they are installed."""


@cache
def fonts() -> tuple[str, ...]:
    """Families that text is set in, the first for all that it has: DejaVu Sans comes with matplotlib."""
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    return ("DejaVu Sans", *(name for name in CJK_FONTS if name in installed))


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib's settings for drawing and for writing; whatever the process has set is left as it was."""
    from matplotlib import rc_context, rcParamsDefault

    kept = {key: value for key, value in rcParamsDefault.items() if key not in ("backend", "backend_fallback")}
    ours: dict[str, Any] = {
        "font.family": [*fonts(), "sans-serif"],
        "font.size": NORMAL,
        "axes.titlesize": NORMAL,
        "axes.labelsize": NORMAL,
        "axes.titlelocation": "left",
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "legend.fontsize": SMALL,
        "legend.frameon": False,
        "legend.handlelength": 3.2,
        "figure.titlesize": LARGE,
        "text.color": TEXT,
        "axes.labelcolor": TEXT,
        "axes.edgecolor": FAINT,
        "xtick.color": FAINT,
        "ytick.color": FAINT,
        "xtick.labelcolor": TEXT,
        "ytick.labelcolor": TEXT,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "lines.linewidth": 1.2,
        "lines.markersize": 4.2,
        "hatch.linewidth": 0.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.5,
        "text.parse_math": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "cytobench",
        "savefig.facecolor": "white",
    }
    with rc_context({**kept, **ours}):  # type: ignore[dict-item]
        yield


def new_figure(height: float, width: float = WIDTH, title: str = "") -> Figure:
    """An empty figure of this size in inches, of no backend; within :func:`styled`. It is laid out when written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout_engine())
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=LARGE, fontweight="bold")
    return figure


def layout_engine() -> ConstrainedLayoutEngine:
    """What makes room for texts and legends."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.05, wspace=0.04, hspace=0.04)


def series(number: int) -> dict[str, Any]:
    """Colour, marker and line style of the series of this number; after six they begin again with other pairs."""
    turn, place = divmod(number, len(COLOURS))
    return {
        "color": COLOURS[place],
        "marker": MARKERS[(place + turn) % len(MARKERS)],
        "linestyle": LINES[(place + 2 * turn) % len(LINES)],
    }


def grid(axes: Axes, which: str) -> None:
    """Faint lines behind the data across one axis, ``x`` or ``y``."""
    axes.grid(visible=True, axis=which)  # type: ignore[arg-type]
    axes.tick_params(axis=which, length=0)  # type: ignore[arg-type]


def name_ticks(axis: Axis, places: Sequence[float], names: Sequence[str]) -> None:
    """Put these names at these places of an axis, so that ``png`` can number those that no font has."""
    from matplotlib.ticker import FixedFormatter, FixedLocator

    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter(FixedFormatter(list(names)))


def aside(axes: Axes, number: int, of: int) -> Any:
    """The data's place, moved sideways a little, so that the bars of several series at one place can be told apart.

    What is drawn with it does not widen the axes by itself: see ``Axes.update_datalim``.
    """
    from matplotlib.transforms import ScaledTranslation

    inches = axes.figure.dpi_scale_trans
    return axes.transData + ScaledTranslation((number - (of - 1) / 2) * APART, 0, inches)


def legend_below(figure: Figure, handles: Mapping[str, Any]) -> None:
    """A legend below all panels, in as many columns as its longest text leaves room for; the figure grows by it."""
    longest = max(map(columns, handles), default=0)
    texts = [wrapped(text, 110) for text in handles]
    ncols = max(1, min(len(handles), int(figure.get_figwidth() / MM / (14 + 1.5 * longest))))
    figure.legend(list(handles.values()), texts, loc="outside lower left", ncols=ncols, borderaxespad=0.2)
    lines = sum(text.count("\n") + 1 for text in texts)
    figure.set_figheight(figure.get_figheight() + -(-lines // ncols) * LEGEND_LINE)
