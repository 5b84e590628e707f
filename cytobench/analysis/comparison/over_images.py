"""Rows that folds cannot tell from the best one of a leaderboard, held against it over the test images as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cytobench._keys import content_key
from cytobench.analysis.comparison.align import aligned, paired_counts
from cytobench.analysis.comparison.candidates import Candidate, common_replicates
from cytobench.analysis.leaderboard.model import Leaderboard, Row, Section
from cytobench.analysis.outcomes import Standing
from cytobench.errors import UserError
from cytobench.metrics.statistics.holm import ALPHA, holm
from cytobench.metrics.statistics.images import PERMUTATIONS, POOLED, SEED, permutation_test
from cytobench.storage.cache import recall, remember

_KIND, _REVISION = "over-images", 1
"""Where tests are remembered; the revision is raised when one gives another p."""


def with_standings_over_images(board: Leaderboard, sections: Sequence[Sequence[Candidate]]) -> Leaderboard:
    """The leaderboard with ``BELOW_OVER_IMAGES`` for rows that are alike over folds and worse over images.

    ``sections`` are its candidates. Rows are held against the best by the permutation test of
    :mod:`cytobench.metrics.statistics.images`, where the metric that ranks can be had from counts; the p is adjusted
    for all ranked rows (Holm). Each test is made once and remembered in the user's cache.
    """
    candidates = {id(section[0].section): section for section in sections}
    tested = [
        replace(section, rows=_stood(section, candidates[id(section)])) if id(section) in candidates else section
        for section in board.sections
    ]
    return replace(board, sections=tuple(tested))


def _stood(section: Section, candidates: Sequence[Candidate]) -> tuple[Row, ...]:
    metric = section.ranked_by[1]
    best = next((each for each in candidates if each.row.standing is Standing.BEST), None)
    others = [each for each in candidates if each.row.standing in (Standing.ALIKE, Standing.BELOW)]
    alike = any(each.row.standing is Standing.ALIKE for each in others)
    if best is None or not alike or metric not in POOLED:
        return section.rows
    tests = [_test(each, best, section.ranked_by) for each in others]
    adjusted = holm([None if test is None else test[1] for test in tests], [each.row.same_as for each in others])
    below = {
        id(each.row)
        for each, test, p in zip(others, tests, adjusted, strict=True)
        if each.row.standing is Standing.ALIKE and test is not None and test[0] < 0 and p is not None and p < ALPHA
    }
    return tuple(replace(row, standing=Standing.BELOW_OVER_IMAGES) if id(row) in below else row for row in section.rows)


def _test(row: Candidate, best: Candidate, key: tuple[str, str]) -> tuple[float, float] | None:
    """The difference over images and its p; None where the two were not tested on the same images."""
    split, metric = key
    replicates = common_replicates(row, best)
    predictions = [[each.trials[where][0].predictions_digest for where in replicates] for each in (row, best)]
    values = {"predictions": predictions, "key": key, "evaluated": row.first.evaluated, "permutations": PERMUTATIONS}
    name = content_key(_KIND, {**values, "revision": _REVISION})
    known = recall(_KIND, name)
    if known:
        value, p = map(float, known.split())
        return value, p
    try:
        a, b = paired_counts(aligned(row, best, split), row.first.evaluated)
    except UserError:
        return None
    if len(a) == 1:
        return None
    value, p = permutation_test(a, b, POOLED[metric], np.random.default_rng(SEED))
    remember(_KIND, name, f"{value!r} {p!r}")
    return value, p
