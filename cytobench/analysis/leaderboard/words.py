"""How figures, times and remarks are written, the same in every format made for reading."""

from __future__ import annotations

from collections.abc import Collection

from cytobench.analysis.leaderboard.model import Figure, Place, Row
from cytobench.analysis.leaderboard.standing import ALIKE, BELOW, BEST, UNKNOWN

METRIC_NAMES = {"accuracy": "accuracy", "f1_macro": "macro F1", "auc_macro": "AUC"}
SPLIT_NAMES = {
    "test": "test",
    "test_real": "test, real alone",
    "external": "outside test set",
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
SUBMITTED_TEXT = (
    "SUBMITTED: predictions of a system outside cytobench, checked row by row against the split; that it saw no image "
    "it was tested on is the submitter's word"
)
STANDING = {
    BEST: "",
    ALIKE: "not distinguishable from the best row",
    BELOW: "below the best row",
    UNKNOWN: "whether it differs from the best row is not known",
}
"""What is said of a ranked row beside the best one."""
STANDING_MARKS = {ALIKE: " ≈", UNKNOWN: " ?"}
"""What stands behind the rank."""
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


def figure_text(figure: Figure | None, plus_minus: str = "±") -> str:
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


def third_party_text(row: Row) -> str:
    """``third-party: generator of cytobench-turned 0.1.0``; empty where all is built in."""
    makers = [f"{maker.part} of {maker.distribution} {maker.version}" for maker in row.third_party]
    return f"third-party: {', '.join(makers)}" if makers else ""


def ran_text(row: Row) -> str:
    """Preset and what really ran."""
    if row.submitted:
        return SUBMITTED_TEXT
    generator = f"; generator: {row.generator_ran}" if row.generator_ran else ""
    return f"preset {row.preset}{generator}; classifier: {row.classifier_ran}"


def remarks(row: Row, seeds: Collection[int]) -> list[str]:
    """What a reader must know about a row besides its figures; ``seeds`` are those of its section."""
    found = []
    if row.settings:
        found.append(f"settings: {row.settings}")
    if row.third_party:
        found.append(third_party_text(row))
    if STANDING.get(row.standing):
        found.append(STANDING[row.standing])
    if row.shortfall:
        found.append(f"shots: {row.shortfall}")
    if not row.complete:
        found.append(f"INCOMPLETE, not ranked: {places_text(row.missing, seeds)} missing")
    if row.made_elsewhere != "no":
        found.append(f"made elsewhere: {ELSEWHERE[row.made_elsewhere]}")
    found += [f"FAILED in {places_text([where], seeds)}: {first_line(error)}" for where, error in row.failed.items()]
    return found


def places_text(places: Collection[Place], seeds: Collection[int]) -> str:
    """``fold 2``, ``folds 2, 4``, or with several seeds ``seed 43 folds 2, 4``."""
    texts = []
    for seed in sorted({where.seed for where in places}):
        folds = [str(where.fold) for where in places if where.seed == seed]
        text = f"fold{'s' if len(folds) > 1 else ''} {', '.join(folds)}"
        texts.append(f"seed {seed} {text}" if len(seeds) > 1 else text)
    return "; ".join(texts)


def rank_text(row: Row) -> str:
    """The rank with the mark of a row that is not told from the best, or ``-``."""
    return "-" if row.rank is None else f"{row.rank}{STANDING_MARKS.get(row.standing, '')}"


def first_line(text: str) -> str:
    """The first line of an error, at most 200 characters."""
    return (text.splitlines() or [""])[0][:200]
