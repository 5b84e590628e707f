"""How figures, times and remarks are written, the same in every format made for reading."""

from __future__ import annotations

from cytobench.leaderboard.model import Figure, Row

METRIC_NAMES = {"accuracy": "accuracy", "f1_macro": "macro F1", "auc_macro": "AUC"}
SPLIT_NAMES = {
    "test": "test",
    "test_real": "test, real alone",
    "validation": "validation",
    "validation_real": "validation, real alone",
}
ELSEWHERE = {
    "undeclared": "MAY HAVE SEEN THE TEST IMAGES, not ranked; say what it has seen with --trained-on",
    "listed": "the images it has seen are in training alone, as declared",
    "per-fold": "each fold has its own, as declared",
    "external": "it has seen none of this data, as declared",
}
"""What is said of a row whose images or weights come from outside the run, by what was declared."""
MAJORITY = "always the majority class"
MAJORITY_SHORT = "majority class"
LEGEND = (
    "Mean ± sample SD over folds. Ranked by macro F1 on test, of real images alone; best of the ranked rows in bold. "
    "Time: all stages behind the row, and in brackets what the recorded run paid where it found the rest done."
)


def figure_text(figure: Figure | None, plus_minus: str = "±") -> str:
    """``0.713±0.021``, without the SD where there is one fold, ``-`` where there is no figure."""
    if figure is None or figure.mean is None:
        return "-"
    return f"{figure.mean:.3f}" if figure.std is None else f"{figure.mean:.3f}{plus_minus}{figure.std:.3f}"


def time_text(row: Row) -> str:
    """The whole cost, and in brackets what was paid if it differs."""
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


def ran_text(row: Row) -> str:
    """Preset and what really ran."""
    generator = f"; generator: {row.generator_ran}" if row.generator_ran else ""
    return f"preset {row.preset}{generator}; classifier: {row.classifier_ran}"


def remarks(row: Row) -> list[str]:
    """What a reader must know about a row besides its figures."""
    found = []
    if row.settings:
        found.append(f"settings: {row.settings}")
    if row.shortfall:
        found.append(f"shots: {row.shortfall}")
    if not row.complete:
        folds = ", ".join(map(str, row.missing))
        found.append(f"INCOMPLETE, not ranked: fold{'s' if len(row.missing) > 1 else ''} {folds} missing")
    if row.made_elsewhere != "no":
        found.append(f"made elsewhere: {ELSEWHERE[row.made_elsewhere]}")
    found += [f"FAILED in fold {fold}: {first_line(error)}" for fold, error in row.failed.items()]
    return found


def rank_text(row: Row) -> str:
    """The rank, or ``-``."""
    return "-" if row.rank is None else str(row.rank)


def first_line(text: str) -> str:
    """The first line of an error, at most 200 characters."""
    return (text.splitlines() or [""])[0][:200]
