"""Two rows compared, as text: a table a question, each with the sentence that says how to read it."""

from __future__ import annotations

from collections.abc import Sequence

from cytobench.analysis.comparison.pair import Comparison
from cytobench.analysis.leaderboard.model import Section
from cytobench.metrics.statistics.classes import Proportion
from cytobench.reporting.outcomes import against_text, difference_texts, gain_and_cost_text, no_interval_text, p_text
from cytobench.reporting.tables import Table, texts
from cytobench.reporting.tables.terminal import text_lines


def comparison_lines(comparison: Comparison) -> list[str]:
    """The whole comparison of two rows."""
    parts = [_what(comparison)]
    for table in comparison_tables(comparison):
        parts.append([*(text_lines(table) if table.rows else []), *table.notes])
    parts.append(_conclusion(comparison))
    return [line for part in parts for line in [*part, ""]][:-1]


def comparison_tables(comparison: Comparison) -> list[Table]:
    """The differences over folds and over images, McNemar's test, and the classes."""
    return [_over_folds(comparison), _over_images(comparison), _mcnemar(comparison), _classes(comparison)]


def _what(comparison: Comparison) -> list[str]:
    a, b = comparison.a, comparison.b
    folds = sorted({where.fold for where in comparison.replicates})
    seeds = sorted({where.seed for where in comparison.replicates})
    groups = "no groups known" if comparison.n_groups is None else f"{comparison.n_groups} groups"
    counted = f"{_counted(folds, 'fold')}; {_seeds(a.section, seeds)}; {comparison.n_images} test images, {groups}."
    return [f"a  {a.name}", f"b  {b.name}", a.section.title, counted, *comparison.remarks]


def _over_folds(comparison: Comparison) -> Table:
    several = len({where.seed for where in comparison.replicates}) > 1
    rows, reasons = [], []
    for name, over in comparison.folds.items():
        metric = comparison.a.section.metric(name)
        label = metric.title + (" *" if name == comparison.metric else "")
        if over.difference is None or over.a is None or over.b is None:
            rows.append([label, "-", "-", "-", "null in every fold", "-", ""])
            continue
        spread = "" if over.difference.std_seeds is None else f"{over.difference.std_seeds:.3f}"
        rows.append([label, f"{over.a:.3f}", f"{over.b:.3f}", *difference_texts(over.difference), spread])
        reasons.append(no_interval_text(over.difference))
    of_seeds = "; seeds steady the mean and never count as folds" if several else ""
    trained = " (synthetic images)" if comparison.a.section.switches.get("synthetic_only") else ""
    ratio = f"n_test/n_train {comparison.ratio:.2f}{trained}"
    note = f"* primary. Corrected for overlapping training parts, {ratio}{of_seeds}."
    names = ["over folds", "a", "b", "a - b", "95 % interval", "p", "SD over seeds" if several else ""]
    return texts(names, rows, notes=[*(f"{why.capitalize()}." for why in dict.fromkeys(reasons) if why), note])


def _over_images(comparison: Comparison) -> Table:
    rows = [
        [
            comparison.a.section.metric(name).title,
            f"{over.value:+.3f}",
            f"[{over.low:+.3f}, {over.high:+.3f}]",
            p_text(over.p),
        ]
        for name, over in comparison.images.items()
    ]
    unit = "images" if comparison.n_groups is None else "whole groups"
    note = f"All folds pooled; {unit} drawn anew, and swapped between rows for p; the trained models as they are."
    alone = "Over images: all are of one group, so there is nothing to draw anew."
    return texts(["over images", "a - b", "95 % interval", "p"], rows, notes=[note if rows else alone])


def _mcnemar(comparison: Comparison) -> Table:
    rows = [
        [_seeds(comparison.a.section, [test.seed]), *(str(n) for counts in test.table for n in counts), p_text(test.p)]
        for test in comparison.mcnemar
    ]
    warning = "It takes images of one group as independent: go by the p over images above."
    names = ["McNemar", "both right", "only a", "only b", "neither", "exact p"]
    return texts(names, rows, notes=[] if comparison.n_groups is None else [warning])


def _classes(comparison: Comparison) -> Table:
    grouped = comparison.n_groups is not None
    rows = [
        [
            a.label,
            str(a.images),
            *([str(a.groups)] if grouped else []),
            *(_proportion(share) for share in (a.recall, b.recall, a.f1, b.f1)),
        ]
        for a, b in comparison.classes
    ]
    names = ["class", "images", *(["groups"] if grouped else []), "recall a", "recall b", "F1 a", "F1 b"]
    effective = " on the effective number of images (groups)" if grouped else ""
    return texts(names, rows, notes=[f"All folds pooled, in brackets 95 % Clopper-Pearson intervals{effective}."])


def _conclusion(comparison: Comparison) -> list[str]:
    lines = []
    if comparison.cost is not None:
        lines.append(f"Gain and cost: {gain_and_cost_text(comparison.cost, comparison.a.section.device)}.")
    if comparison.declared is None:
        return [*lines, "Not one of the declared comparisons: exploratory, its p adjusted for nothing."]
    pair = comparison.declared
    against = against_text(pair.conclusion, pair.reference.name)
    family = f"Declared, in a family of {pair.family}: p {p_text(pair.p_holm)} (Holm)"
    return [*lines, f"{family}, {pair.row.name}: {against}."]


def _proportion(share: Proportion) -> str:
    return "-" if share.value is None else f"{share.value:.2f} [{share.low:.2f}, {share.high:.2f}]"


def _seeds(section: Section, seeds: Sequence[int]) -> str:
    """``seed 42``; where submissions stand alone there is none to name."""
    return _counted(seeds, "seed") if section.seeds else "seed not known"


def _counted(numbers: Sequence[int], word: str) -> str:
    return f"{word}{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
