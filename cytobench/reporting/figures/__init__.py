"""Figures for papers and reports, from records alone: what is drawn, what it says, and files of it.

:func:`drawings` gives :class:`Drawing` objects; :func:`svg` and :func:`png` write one. Matplotlib is imported when the
first is drawn, without pyplot, and no setting of the process is changed.
"""

from cytobench.reporting.figures.draw import drawings
from cytobench.reporting.figures.drawing import Drawing
from cytobench.reporting.figures.output import missing_glyphs, png, svg

__all__ = ["Drawing", "drawings", "missing_glyphs", "png", "svg"]
