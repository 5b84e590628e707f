"""Are synthetic images copies of the shots? A permutation test in feature space, and near-copies in pixels.

The entry point is :func:`detect_copying`, for one class; :func:`holm` then corrects over classes. What the test can and
cannot say: docs/copying.md.
"""

from __future__ import annotations

from cytobench.metrics.copying.detect import detect_copying, holm
from cytobench.metrics.copying.model import Copying, Features, Pair
from cytobench.metrics.copying.sheet import contact_sheet

__all__ = ["Copying", "Features", "Pair", "contact_sheet", "detect_copying", "holm"]
