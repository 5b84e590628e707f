"""What a results folder has to compare: two rows that are named, or all that its benchmark declares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cytobench.analysis.comparison.candidates import find_pair
from cytobench.analysis.comparison.headline import DeclaredFamily, declared_family
from cytobench.analysis.comparison.pair import Comparison, compare
from cytobench.analysis.results import read_candidates
from cytobench.errors import UserError, option
from cytobench.plugins import Plugins, load_plugins


def compare_results(
    folder: Path,
    a: str | None,
    b: str | None,
    metric: Sequence[str] = (),
    plugins: Callable[[], Plugins] = load_plugins,
) -> Comparison | list[DeclaredFamily]:
    """The comparison of the rows called ``a`` and ``b``; without them each section's declared comparisons.

    Both in the first ``metric``, where one is named; else in the one declared.

    Raises UserError for one name alone, for a folder without a finished trial, and as
    :func:`~cytobench.analysis.comparison.candidates.find_pair` and
    :func:`~cytobench.analysis.comparison.pair.compare` do.
    """
    if (a is None) != (b is None):
        raise UserError(
            f"{option('a')} and {option('b')} go together: name two rows, or neither for the declared comparisons."
        )
    sections = read_candidates([folder], metric, plugins)
    if not sections:
        raise UserError(f"{folder} holds no finished trial: there is nothing to compare.")
    if a is None or b is None:
        return [declared_family(section) for section in sections]
    row, other = find_pair(sections, a, b)
    return compare(row, other, next(section for section in sections if row in section))
