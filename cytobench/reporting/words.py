"""How scores, times and splits are written, the same in every format made for reading."""

from __future__ import annotations

from cytobench.analysis.leaderboard.model import Aggregate, Leaderboard, Row

SPLIT_NAMES = {
    "test": "test",
    "test_real": "test, real alone",
    "external": "outside test set",
    "validation": "validation",
    "validation_real": "validation, real alone",
}
THIRD_PARTY = " †"
"""What stands behind the name of a generator or classifier that cytobench does not offer itself."""

UNLIKE = " ‡"
"""What stands behind the rank of a row whose trials were made with different software, or on different devices."""


def legend(board: Leaderboard) -> str:
    """What the marks and figures of a leaderboard mean."""
    falling = dict.fromkeys(
        metric.title for section in board.sections for metric in section.metrics if not metric.higher_is_better
    )
    lower = f"Lower is better in {', '.join(falling)}. " if falling else ""
    marked = any(row.environments for section in board.sections for row in section.rows)
    unlike = "‡: its trials were not all made with the same software and device, as its remark says. " if marked else ""
    ranked_by = dict.fromkeys(section.metric(section.ranked_by[1]).title for section in board.sections)
    return (
        "Mean ± sample SD over folds; with several seeds, in brackets, the SD over their means. Ranked by "
        f"{', '.join(ranked_by)} on test, of real images alone; best of the ranked rows in bold. {lower}"
        "≈: not distinguishable from the best row, by the paired differences over folds (Holm over the ranked rows); "
        "≈↓: the same, but below it over the images that both were tested on (permutation test, Holm again); "
        "?: not known, for want of folds or of the same test images. "
        "†: of a third-party plugin, which its remark names. "
        f"{unlike}"
        "Time: all stages behind the row, and in brackets what the recorded run paid where it found the rest done."
    )


def aggregate_text(score: Aggregate | None, digits: int = 3, seeds: bool = True) -> str:
    """``0.713±0.021 (0.008)``: mean, SD over folds and over ``seeds``, each where it is known; ``-`` without a mean."""
    if score is None or score.mean is None:
        return "-"
    over_folds = "" if score.std is None else f"±{score.std:.{digits}f}"
    over_seeds = "" if score.std_seeds is None or not seeds else f" ({score.std_seeds:.{digits}f})"
    return f"{score.mean:.{digits}f}{over_folds}{over_seeds}"


def generator_text(row: Row) -> str:
    """The generator, marked where it is a third-party plugin."""
    return row.generator + _mark(row, "generator")


def classifier_text(row: Row) -> str:
    """The classifier, marked where it is a third-party plugin."""
    return row.classifier + _mark(row, "classifier")


def _mark(row: Row, part: str) -> str:
    return THIRD_PARTY if any(maker.part == part for maker in row.third_party) else ""


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3.5 min``, ``1.2 h``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def first_line(text: str) -> str:
    """The first line of an error, at most 200 characters."""
    return (text.splitlines() or [""])[0][:200]
