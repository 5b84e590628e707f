"""Two rows compared, as text: aligned lines, each part with the sentence that says how to read it."""

from __future__ import annotations

from collections.abc import Sequence

from cytobench._text import aligned_lines
from cytobench.analysis.comparison.pair import Comparison
from cytobench.analysis.leaderboard.model import Section
from cytobench.metrics.statistics.classes import Proportion
from cytobench.reporting.outcomes import against_text, difference_texts, gain_and_cost_text, no_interval_text, p_text
from cytobench.reporting.words import METRIC_NAMES


def comparison_lines(found: Comparison) -> list[str]:
    """The whole comparison of two rows."""
    parts = [
        _what(found),
        _over_folds(found),
        _over_images(found),
        _mcnemar(found),
        _classes(found),
        _conclusion(found),
    ]
    return [line for part in parts for line in [*part, ""]][:-1]


def _what(found: Comparison) -> list[str]:
    folds = sorted({where.fold for where in found.places})
    seeds = sorted({where.seed for where in found.places})
    groups = "no groups known" if found.n_groups is None else f"{found.n_groups} groups"
    return [
        f"a  {found.a.name}",
        f"b  {found.b.name}",
        found.a.section.title,
        f"{_counted(folds, 'fold')}; {_seeds(found.a.section, seeds)}; {found.n_images} test images, {groups}.",
        *found.remarks,
    ]


def _over_folds(found: Comparison) -> list[str]:
    seeds = len({where.seed for where in found.places})
    rows = [["over folds", "a", "b", "a - b", "95 % interval", "p", "SD over seeds" if seeds > 1 else ""]]
    reasons = []
    for metric, over in found.folds.items():
        name = METRIC_NAMES[metric] + (" *" if metric == found.metric else "")
        if over.difference is None or over.a is None or over.b is None:
            rows.append([name, "-", "-", "-", "null in every fold", "-", ""])
            continue
        spread = "" if over.difference.std_seeds is None else f"{over.difference.std_seeds:.3f}"
        rows.append([name, f"{over.a:.3f}", f"{over.b:.3f}", *difference_texts(over.difference), spread])
        reasons.append(no_interval_text(over.difference))
    of_seeds = "; seeds steady the mean and never count as folds" if seeds > 1 else ""
    note = f"* primary. Corrected for overlapping training parts, n_test/n_train {found.ratio:.2f}{of_seeds}."
    return [*aligned_lines(rows), *(f"{reason.capitalize()}." for reason in dict.fromkeys(reasons) if reason), note]


def _over_images(found: Comparison) -> list[str]:
    if not found.images:
        return ["Over images: all are of one group, so there is nothing to draw anew."]
    unit = "images" if found.n_groups is None else "whole groups"
    rows = [["over images", "a - b", "95 % interval", "p"]]
    for metric, one in found.images.items():
        rows.append([METRIC_NAMES[metric], f"{one.value:+.3f}", f"[{one.low:+.3f}, {one.high:+.3f}]", p_text(one.p)])
    note = f"All folds pooled; {unit} drawn anew, and swapped between rows for p; the trained models as they are."
    return [*aligned_lines(rows), note]


def _mcnemar(found: Comparison) -> list[str]:
    rows = [["McNemar", "both right", "only a", "only b", "neither", "exact p"]]
    for one in found.mcnemar:
        (both, only_a), (only_b, neither) = one.table
        rows.append([_seeds(found.a.section, [one.seed]), *map(str, (both, only_a, only_b, neither)), p_text(one.p)])
    grouped = found.n_groups is not None
    warning = ["It takes images of one group as independent: go by the p over images above."] if grouped else []
    return [*aligned_lines(rows), *warning]


def _classes(found: Comparison) -> list[str]:
    grouped = found.n_groups is not None
    rows = [["class", "images", *(["groups"] if grouped else []), "recall a", "recall b", "F1 a", "F1 b"]]
    for a, b in found.classes:
        figures = [_proportion(one) for one in (a.recall, b.recall, a.f1, b.f1)]
        rows.append([a.label, str(a.images), *([str(a.groups)] if grouped else []), *figures])
    effective = " on the effective number of images (groups)" if grouped else ""
    return [*aligned_lines(rows), f"All folds pooled, in brackets 95 % Clopper-Pearson intervals{effective}."]


def _conclusion(found: Comparison) -> list[str]:
    lines = []
    if found.cost is not None:
        lines.append(f"Gain and cost: {gain_and_cost_text(found.cost, found.metric, found.a.section.device)}.")
    if found.declared is None:
        lines.append("Not one of the declared comparisons: exploratory, its p adjusted for nothing.")
    else:
        pair = found.declared
        lines.append(
            f"Declared, in a family of {pair.family}: p {p_text(pair.p_holm)} (Holm), {pair.row.name}: "
            f"{against_text(pair.conclusion, pair.reference.name)}."
        )
    return lines


def _proportion(found: Proportion) -> str:
    return "-" if found.value is None else f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def _seeds(section: Section, seeds: Sequence[int]) -> str:
    """``seed 42``; where submissions stand alone there is none to name."""
    return _counted(seeds, "seed") if section.seeds else "seed not known"


def _counted(numbers: Sequence[int], word: str) -> str:
    return f"{word}{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
