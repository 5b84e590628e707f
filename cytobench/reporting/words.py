"""How figures, times and remarks are written, the same in every format made for reading."""

from __future__ import annotations

from cytobench.analysis.leaderboard.model import Aggregate, Row
from cytobench.analysis.leaderboard.words import SUBMITTED_TEXT

METRIC_NAMES = {"accuracy": "accuracy", "f1_macro": "macro F1", "auc_macro": "AUC"}
SPLIT_NAMES = {
    "test": "test",
    "test_real": "test, real alone",
    "external": "outside test set",
    "validation": "validation",
    "validation_real": "validation, real alone",
}
THIRD_PARTY = " †"
"""What stands behind the name of a generator or classifier that cytobench does not offer itself."""
MAJORITY = "always the majority class"
MAJORITY_SHORT = "majority class"
LEGEND = (
    "Mean ± sample SD over folds; with several seeds, in brackets, the SD over their means. Ranked by macro F1 on "
    "test, of real images alone; best of the ranked rows in bold. "
    "≈: not distinguishable from the best row, by the paired differences over folds (Holm over the ranked rows); "
    "?: not known, for want of folds or of the same test images. "
    "†: of a third-party plugin, which its remark names. "
    "Time: all stages behind the row, and in brackets what the recorded run paid where it found the rest done."
)


def aggregate_text(figure: Aggregate | None, plus_minus: str = "±") -> str:
    """``0.713±0.021 (0.008)``: mean, SD over folds and over seeds, each where it is known; ``-`` without a figure."""
    if figure is None or figure.mean is None:
        return "-"
    over_folds = "" if figure.std is None else f"{plus_minus}{figure.std:.3f}"
    over_seeds = "" if figure.std_seeds is None else f" ({figure.std_seeds:.3f})"
    return f"{figure.mean:.3f}{over_folds}{over_seeds}"


def time_text(row: Row) -> str:
    """The whole cost, and in brackets what was paid if it differs; ``-`` where it is not known."""
    if row.seconds is None or row.seconds_paid is None:
        return "-"
    whole, paid = duration(row.seconds), duration(row.seconds_paid)
    return whole if whole == paid else f"{whole} ({paid})"


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3.5 min``, ``1.2 h``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def count_text(row: Row, number: int) -> str:
    """Shots or synthetic images of a row; ``-`` where they are not known."""
    return "-" if row.submitted else str(number)


def generator_text(row: Row) -> str:
    """The generator, marked where it is a third-party plugin."""
    return row.generator + _mark(row, "generator")


def classifier_text(row: Row) -> str:
    """The classifier, marked where it is a third-party plugin."""
    return row.classifier + _mark(row, "classifier")


def _mark(row: Row, part: str) -> str:
    return THIRD_PARTY if any(maker.part == part for maker in row.third_party) else ""


def ran_text(row: Row) -> str:
    """Preset and what really ran."""
    if row.submitted:
        return SUBMITTED_TEXT
    generator = f"; generator: {row.generator_ran}" if row.generator_ran else ""
    return f"preset {row.preset}{generator}; classifier: {row.classifier_ran}"


def first_line(text: str) -> str:
    """The first line of an error, at most 200 characters."""
    return (text.splitlines() or [""])[0][:200]
